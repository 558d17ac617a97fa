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
    store::{Db, EventSn, KeySn, RoomRow, SnapshotSn, StateMap, StoreError},
};
use ruma::room_version_rules::RoomVersionRules;

/// Whether an event passed a check; the reason when not.
pub(in crate::domain::rooms) type Verdict = Result<(), String>;

/// A state, in memory or in the store.
#[derive(Clone, Copy)]
enum State<'a> {
    Whole(&'a StateMap),
    Stored(SnapshotSn),
}

impl State<'_> {
    async fn get(self, db: &mut Db, key: KeySn) -> Result<Option<EventSn>, StoreError> {
        match self {
            Self::Whole(state) => Ok(state.get(&key).copied()),
            Self::Stored(snapshot) => db.state_entry(snapshot, key).await,
        }
    }
}

impl Rooms {
    /// Whether the rules of the room allow the event in this state.
    pub(in crate::domain::rooms) async fn allowed_by(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: &Pdu,
        state: &StateMap,
    ) -> Result<Verdict, RoomsError> {
        self.allowed_in(room, rules, event, State::Whole(state)).await
    }

    /// The same of a stored state.
    pub(in crate::domain::rooms) async fn allowed_at(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: &Pdu,
        state: SnapshotSn,
    ) -> Result<Verdict, RoomsError> {
        self.allowed_in(room, rules, event, State::Stored(state)).await
    }

    async fn allowed_in(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: &Pdu,
        state: State<'_>,
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
                && let Some(sn) = state.get(&mut db, key).await?
                && let Some(stored) = db.event_by_sn(sn).await?
            {
                loaded.insert((kind, state_key), self.parsed(&stored, &room.room_id)?);
            }
        }
        Ok(authorise(rules, event, &loaded))
    }
}
