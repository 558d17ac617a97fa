//! GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}: events that relate to one, newest or oldest first.

use ruma::{
    EventId, OwnedRoomId, UInt,
    api::{
        Direction,
        client::relations::{
            get_relating_events as any, get_relating_events_with_rel_type as of_type,
            get_relating_events_with_rel_type_and_event_type as of_both,
        },
    },
    events::AnyMessageLikeEvent,
    serde::Raw,
};

use super::room::{readable, show, token};
use crate::{
    api::{auth::Sender, error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::rooms::Rooms,
    store::{Position, RelationsPage},
};

/// Most events of one page.
const LIMIT: i64 = 100;
/// Steps of relations that are followed when the client asks for them.
const DEPTH: u32 = 3;

struct Wish<'a> {
    room_id: &'a OwnedRoomId,
    event_id: &'a EventId,
    rel_type: Option<String>,
    event_type: Option<String>,
    from: Option<&'a str>,
    to: Option<&'a str>,
    backwards: bool,
    limit: i64,
    recurse: bool,
}

struct Found {
    chunk: Vec<Raw<AnyMessageLikeEvent>>,
    next: Option<String>,
    depth: Option<UInt>,
}

async fn find((rooms, clock): (Rooms, Clock), sender: &Sender, wish: Wish<'_>) -> Result<Found, ApiError> {
    let (room, rules) = readable(&rooms, sender, wish.room_id).await?;
    rooms.event_for(sender.user, &sender.user_id, &room, wish.event_id).await?;
    let (from, to) = (wish.from.map(token).transpose()?, wish.to.map(token).transpose()?);
    let page = RelationsPage {
        rel_type: wish.rel_type,
        event_type: wish.event_type,
        after: if wish.backwards { to } else { from }.unwrap_or(Position(i64::MIN)),
        upto: if wish.backwards { from } else { to }.unwrap_or(Position(i64::MAX)),
        backwards: wish.backwards,
        limit: wish.limit.clamp(1, LIMIT),
        depth: if wish.recurse { DEPTH } else { 1 },
    };
    let (events, next) = {
        let mut db = rooms.store().read().await?;
        let events = db.relations_page(room.sn, wish.event_id, &page).await?;
        let full = i64::try_from(events.len()).unwrap_or(i64::MAX) >= page.limit;
        let last = events.last().and_then(|event| event.position).filter(|_| full);
        let next = last.map(|last| if wish.backwards { last.0 - 1 } else { last.0 });
        (rooms.visible(&mut db, sender.user, &sender.user_id, room.sn, events).await?, next)
    };
    let chunk = show(&rooms, sender, clock.now_ms(), wish.room_id, &rules, &events).await?;
    let depth = wish.recurse.then(|| UInt::from(DEPTH));
    Ok(Found { chunk, next: next.map(|next| next.to_string()), depth })
}

macro_rules! wish {
    ($request:ident, $rel_type:expr, $event_type:expr) => {
        Wish {
            room_id: &$request.room_id,
            event_id: &$request.event_id,
            rel_type: $rel_type,
            event_type: $event_type,
            from: $request.from.as_deref(),
            to: $request.to.as_deref(),
            backwards: $request.dir == Direction::Backward,
            limit: $request.limit.map_or(5, |limit| i64::try_from(u64::from(limit)).unwrap_or(LIMIT)),
            recurse: $request.recurse,
        }
    };
}

pub async fn get_relating_events(
    parts: (Rooms, Clock),
    request: Ruma<any::v1::Request>,
) -> Result<any::v1::Response, ApiError> {
    let found = find(parts, &request.sender, wish!(request, None, None)).await?;
    let mut response = any::v1::Response::new(found.chunk);
    response.next_batch = found.next;
    response.recursion_depth = found.depth;
    response.prev_batch = request.from.clone();
    Ok(response)
}

pub async fn get_relating_events_with_rel_type(
    parts: (Rooms, Clock),
    request: Ruma<of_type::v1::Request>,
) -> Result<of_type::v1::Response, ApiError> {
    let found = find(parts, &request.sender, wish!(request, Some(request.rel_type.to_string()), None)).await?;
    let mut response = of_type::v1::Response::new(found.chunk);
    response.next_batch = found.next;
    response.recursion_depth = found.depth;
    response.prev_batch = request.from.clone();
    Ok(response)
}

pub async fn get_relating_events_with_rel_type_and_event_type(
    parts: (Rooms, Clock),
    request: Ruma<of_both::v1::Request>,
) -> Result<of_both::v1::Response, ApiError> {
    let (rel_type, event_type) = (request.rel_type.to_string(), request.event_type.to_string());
    let found = find(parts, &request.sender, wish!(request, Some(rel_type), Some(event_type))).await?;
    let mut response = of_both::v1::Response::new(found.chunk);
    response.next_batch = found.next;
    response.recursion_depth = found.depth;
    response.prev_batch = request.from.clone();
    Ok(response)
}
