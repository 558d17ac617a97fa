//! GET /_matrix/client/v3/rooms/{roomId}/initialSync: a room's state and its newest messages.

use ruma::{
    api::client::{
        peeking::get_current_state::v3::{PaginationChunk, Request, Response},
        room::Visibility,
    },
    events::room::member::MembershipState,
    serde::Raw,
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{readable, show};
use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::rooms::{Page, Rooms},
    store::{Position, StoreError},
};

/// Messages when the client does not say how many, and at most.
const LIMIT: i64 = 10;
const MOST: i64 = 200;

#[derive(Deserialize)]
struct Query {
    limit: Option<i64>,
}

pub async fn initial_sync((rooms, clock): (Rooms, Clock), request: Ruma<Request>) -> Result<Response, ApiError> {
    let sender = &request.sender;
    let Query { limit } = serde_html_form::from_str(request.head.uri.query().unwrap_or_default())
        .map_err(|error| ApiError::invalid_param(error.to_string()))?;
    let (room, rules) = readable(&rooms, sender, &request.room_id).await?;
    let now = rooms.store().position();
    let limit = limit.unwrap_or(LIMIT).clamp(0, MOST);
    let page = Page { from: Some(now), to: None, backwards: true, limit };
    let (mut events, start) = rooms.page(sender.user, &sender.user_id, &room, page, |_| true).await?;
    events.reverse();
    let mut response = Response::new(request.room_id.clone());
    let mut messages = PaginationChunk::new(
        show(&rooms, sender, clock.now_ms(), &request.room_id, &rules, &events).await?,
        now.0.to_string(),
    );
    messages.start = start.map(|Position(start)| start.to_string());
    response.messages = Some(messages);
    let state = rooms.state_for(sender.user, &room).await?;
    response.state = show(&rooms, sender, clock.now_ms(), &request.room_id, &rules, &state).await?;
    response.visibility = Some(if room.published { Visibility::Public } else { Visibility::Private });
    let mut db = rooms.store().read().await?;
    response.membership =
        db.local_membership(sender.user, room.sn).await?.map(|mine| MembershipState::from(mine.membership.as_str()));
    for data in db.account_data_of_room(sender.user, room.sn).await? {
        let content: &RawValue =
            serde_json::from_str(&data.content).map_err(|_| StoreError::Damaged("account data"))?;
        let event = json!({ "type": data.event_type, "content": content });
        response.account_data.extend(Raw::new(&event).map(Raw::cast_unchecked));
    }
    Ok(response)
}
