//! The stripped state that invites and knocks show.

use ruma::{OwnedUserId, events::AnyStrippedStateEvent, serde::Raw};
use serde::{Deserialize, Serialize};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::store::{Db, LocalRoom, StoreError};

use super::Viewer;

/// What a room shows to those outside, when nothing came with the invite.
const SHOWN: [&str; 7] = [
    "m.room.create",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.join_rules",
    "m.room.canonical_alias",
    "m.room.encryption",
];

/// Stripped state and who sent the viewer's own member event.
pub(super) struct Stripped {
    pub(super) events: Vec<Raw<AnyStrippedStateEvent>>,
    pub(super) inviter: Option<OwnedUserId>,
}

#[derive(Deserialize, Serialize)]
struct StrippedEvent<'a> {
    #[serde(rename = "type")]
    event_type: String,
    state_key: String,
    sender: OwnedUserId,
    #[serde(borrow)]
    content: &'a RawValue,
}

impl Stripped {
    /// The content of an event with the empty state key.
    pub(super) fn content(&self, event_type: &str) -> Option<Value> {
        self.events
            .iter()
            .filter_map(|event| serde_json::from_str::<StrippedEvent<'_>>(event.json().get()).ok())
            .find(|event| event.event_type == event_type && event.state_key.is_empty())
            .and_then(|event| serde_json::from_str(event.content.get()).ok())
    }
}

/// Reads the stripped state of an invite or a knock. The viewer's own member event is always among it when it is known.
pub(super) async fn state(db: &mut Db, viewer: &Viewer, room: &LocalRoom) -> Result<Stripped, StoreError> {
    let damaged = |_| StoreError::Damaged("stripped state");
    let mut jsons: Vec<Box<RawValue>> = Vec::new();
    if let Some(stored) = db.stripped_state(viewer.user, room.room).await? {
        jsons = serde_json::from_str(&stored).map_err(damaged)?;
    } else {
        for event_type in SHOWN {
            if let Some(json) = db.state_json(room.room, event_type, "").await? {
                jsons.push(strip(&json)?);
            }
        }
    }
    let mut inviter = own_sender(&jsons, viewer);
    if inviter.is_none()
        && let Some(event) = room.event
    {
        for row in db.event_rows(&[event]).await? {
            jsons.push(strip(&row.json)?);
            inviter = Some(row.sender_id);
        }
    }
    Ok(Stripped { events: jsons.into_iter().map(Raw::from_json).collect(), inviter })
}

fn strip(json: &str) -> Result<Box<RawValue>, StoreError> {
    let damaged = |_| StoreError::Damaged("a state event");
    let event: StrippedEvent<'_> = serde_json::from_str(json).map_err(damaged)?;
    to_raw_value(&event).map_err(damaged)
}

fn own_sender(events: &[Box<RawValue>], viewer: &Viewer) -> Option<OwnedUserId> {
    events
        .iter()
        .filter_map(|json| serde_json::from_str::<StrippedEvent<'_>>(json.get()).ok())
        .find(|event| event.event_type == "m.room.member" && event.state_key == viewer.user_id.as_str())
        .map(|event| event.sender)
}
