//! What an invited or knocking user sees of a room before joining it.

use serde_json::value::RawValue;

use crate::{
    domain::events::client_event::stripped_event,
    store::{Db, EventSn, RoomSn, StoreError},
};

/// State that tells what kind of room it is (Client-Server API, "Stripped state").
const TYPES: [&str; 7] = [
    "m.room.create",
    "m.room.join_rules",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.canonical_alias",
    "m.room.encryption",
];

/// A JSON array of stripped state events of our own room, with the inviter's member event and `member_event` itself.
pub(super) async fn of_room(db: &mut Db, room: RoomSn, member_event: Option<EventSn>) -> Result<String, StoreError> {
    let damaged = |_| StoreError::Damaged("a state event");
    let mut events: Vec<Box<RawValue>> = Vec::new();
    for kind in TYPES {
        if let Some(event) = db.current_state_event(room, kind, "").await? {
            events.push(stripped_event(&event.json).map_err(damaged)?);
        }
    }
    if let Some(member_event) = member_event
        && let Some(event) = db.event_by_sn(member_event).await?
    {
        let sender = db.user_id(event.sender).await?;
        if let Some(inviter) = db.current_state_event(room, "m.room.member", sender.as_str()).await?
            && inviter.sn != event.sn
        {
            events.push(stripped_event(&inviter.json).map_err(damaged)?);
        }
        events.push(stripped_event(&event.json).map_err(damaged)?);
    }
    serde_json::to_string(&events).map_err(damaged)
}

/// The same state as whole signed events, as other servers want it, with the inviter's member event when there is one.
pub(super) async fn pdus(
    db: &mut Db,
    room: RoomSn,
    inviter: Option<&ruma::UserId>,
) -> Result<Vec<Box<RawValue>>, StoreError> {
    let mut events = Vec::new();
    let keys = TYPES.iter().map(|kind| (*kind, "")).chain(inviter.map(|inviter| ("m.room.member", inviter.as_str())));
    for (kind, state_key) in keys {
        if let Some(event) = db.current_state_event(room, kind, state_key).await? {
            events.push(RawValue::from_string(event.json).map_err(|_| StoreError::Damaged("a state event"))?);
        }
    }
    Ok(events)
}
