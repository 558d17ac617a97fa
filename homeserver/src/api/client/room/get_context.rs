//! GET /_matrix/client/v3/rooms/{roomId}/context/{eventId}: an event and what stands around it.

use std::collections::BTreeSet;

use ruma::api::client::{
    context::get_context::v3::{Request, Response},
    filter::LazyLoadOptions,
};

use super::{
    filter::{allows, allows_room},
    readable, show,
};
use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::rooms::{Page, Rooms, RoomsError},
    store::Position,
};

/// Most events around the one asked for.
const LIMIT: i64 = 100;

pub async fn get_context((rooms, clock): (Rooms, Clock), request: Ruma<Request>) -> Result<Response, ApiError> {
    let sender = &request.sender;
    let (room, rules) =
        readable(&rooms, sender, &request.room_id).await.map_err(|_| ApiError::from(RoomsError::UnknownEvent))?;
    let event = rooms.event_for(sender.user, &sender.user_id, &room, &request.event_id).await?;
    let position = event.position.ok_or(RoomsError::UnknownEvent)?;
    let filter = &request.filter;
    let limit = i64::try_from(u64::from(request.limit)).unwrap_or(LIMIT).clamp(0, LIMIT);
    let before = Page { from: Some(Position(position.0 - 1)), to: None, backwards: true, limit: limit - limit / 2 };
    let after = Page { from: Some(position), to: None, backwards: false, limit: limit / 2 };
    let wanted = allows_room(filter, &room.room_id);
    let keep = |event: &_| wanted && allows(filter, event);
    let (events_before, start) = rooms.page(sender.user, &sender.user_id, &room, before, keep).await?;
    let (events_after, end) = rooms.page(sender.user, &sender.user_id, &room, after, keep).await?;
    let shown = || events_before.iter().chain([&event]).chain(&events_after);
    let lazily = match filter.lazy_load_options {
        LazyLoadOptions::Enabled { .. } => Some(shown().map(|event| event.sender).collect::<BTreeSet<_>>()),
        LazyLoadOptions::Disabled => None,
    };
    let last = events_after.last().unwrap_or(&event);
    let mut state = rooms.state_at(sender.user, &room, last, lazily.as_ref()).await?;
    state.retain(keep);
    let now = clock.now_ms();
    let mut response = Response::new();
    response.start = Some(start.unwrap_or(Position(position.0 - 1)).0.to_string());
    response.end = Some(end.unwrap_or_else(|| rooms.store().position()).0.to_string());
    response.events_before = show(&rooms, sender, now, &request.room_id, &rules, &events_before).await?;
    response.events_after = show(&rooms, sender, now, &request.room_id, &rules, &events_after).await?;
    response.event = show(&rooms, sender, now, &request.room_id, &rules, &[event]).await?.into_iter().next();
    response.state = show(&rooms, sender, now, &request.room_id, &rules, &state).await?;
    Ok(response)
}
