//! GET /_matrix/client/v3/rooms/{roomId}/messages: a page of the room's history.

use std::collections::BTreeSet;

use ruma::api::{
    Direction,
    client::{
        filter::LazyLoadOptions,
        message::get_message_events::v3::{Request, Response},
    },
};

use super::{
    filter::{allows, allows_room},
    readable, show, token,
};
use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::rooms::{Page, Rooms},
    store::StoredEvent,
};

/// Most events of one page.
const LIMIT: i64 = 200;

pub async fn get_message_events((rooms, clock): (Rooms, Clock), request: Ruma<Request>) -> Result<Response, ApiError> {
    let sender = &request.sender;
    let (room, rules) = readable(&rooms, sender, &request.room_id).await?;
    let backwards = request.dir == Direction::Backward;
    let page = Page {
        from: request.from.as_deref().map(token).transpose()?,
        to: request.to.as_deref().map(token).transpose()?,
        backwards,
        limit: i64::try_from(u64::from(request.limit)).unwrap_or(LIMIT).clamp(1, LIMIT),
    };
    if backwards {
        // History from before we joined lies with other servers.
        rooms.fill_history(&room, &page).await?;
    }
    let filter = &request.filter;
    let wanted = allows_room(filter, &room.room_id);
    let keep = |event: &_| wanted && allows(filter, event);
    let (events, next) = rooms.page(sender.user, &sender.user_id, &room, page, keep).await?;
    let mut response = Response::default();
    let start =
        page.from.unwrap_or_else(|| if backwards { rooms.store().position() } else { crate::store::Position(0) });
    response.start = request.from.clone().unwrap_or_else(|| start.0.to_string());
    response.end = next.map(|next| next.0.to_string());
    response.chunk = show(&rooms, sender, clock.now_ms(), &request.room_id, &rules, &events).await?;
    if matches!(filter.lazy_load_options, LazyLoadOptions::Enabled { .. }) {
        let members = members_of(&rooms, &events).await?;
        response.state = show(&rooms, sender, clock.now_ms(), &request.room_id, &rules, &members).await?;
    }
    Ok(response)
}

/// The member events of those who sent the page's events, as they were then.
async fn members_of(rooms: &Rooms, events: &[StoredEvent]) -> Result<Vec<StoredEvent>, ApiError> {
    let mut db = rooms.store().read().await?;
    let mut told = BTreeSet::new();
    let mut members = Vec::new();
    for event in events {
        if told.insert(event.sender) {
            members.extend(rooms.sender_at(&mut db, event).await?);
        }
    }
    Ok(members)
}
