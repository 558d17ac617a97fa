//! The specification's checks of an event that another server sent, each in its file, in their order (Server-Server API, "Checks
//! performed on receipt of a PDU").
//!
//! 1 [`format`], 2 [`signatures`], 3 [`hash`]: an event that fails is dropped, or redacted. 4 [`auth_events`], 5 [`state_before`]: it is
//! rejected. 6 [`state_now`]: it soft-fails. 7 the room's policy server: it soft-fails too (`Rooms::recommended`).

pub(in crate::domain::rooms) mod auth_events;
pub(in crate::domain::rooms) mod format;
pub(in crate::domain::rooms) mod hash;
pub(in crate::domain::rooms) mod signatures;
mod state_before;
mod state_now;

use crate::{
    domain::{
        events::{
            Pdu,
            auth::{LoadedState, authorise, needed_state},
        },
        rooms::{Rooms, RoomsError},
    },
    store::{RoomRow, StateMap},
};
use ruma::room_version_rules::RoomVersionRules;

/// Whether an event passed a check; the reason when not.
pub(in crate::domain::rooms) type Verdict = Result<(), String>;

impl Rooms {
    /// Whether the rules of the room allow the event in this state.
    async fn allowed_by(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: &Pdu,
        state: &StateMap,
    ) -> Result<Verdict, RoomsError> {
        let content =
            serde_json::from_str(event.content.get()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        let needed = match needed_state(rules, &event.kind, &event.sender, event.state_key.as_deref(), &content) {
            Ok(needed) => needed,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut db = self.store.read().await?;
        let mut loaded = LoadedState::new();
        for (kind, state_key) in needed {
            let kind = kind.to_string();
            if let Some(key) = db.key_sn(&kind, &state_key).await?
                && let Some(sn) = state.get(&key)
                && let Some(stored) = db.event_by_sn(*sn).await?
            {
                loaded.insert((kind, state_key), self.parsed(&stored, &room.room_id)?);
            }
        }
        Ok(authorise(rules, event, &loaded))
    }
}
