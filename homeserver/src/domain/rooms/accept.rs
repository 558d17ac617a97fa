//! Events of other servers: the specification's [`checks`] in their order, then the same writing as for our own.

use std::{collections::BTreeMap, sync::Arc};

use ruma::{OwnedEventId, RoomId, events::TimelineEventType};

use crate::{
    domain::events::Pdu,
    store::{Db, Standing, StoreError, StoredEvent},
};

use super::{Rooms, RoomsError, append::Owed};

use self::{state::parents_with_state, write::Judged};

mod backfill;
pub(super) mod checks;
mod enter;
mod outliers;
pub(super) mod state;
mod write;

/// How an event of another server fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    Accepted,
    /// Kept, not shown: the room's state now does not allow it.
    SoftFailed,
    /// Kept as a warning for others that name it; the reason.
    Rejected(String),
    /// It was here already.
    Known,
    /// Nothing was stored: these must come first.
    Missing {
        prev: Vec<OwnedEventId>,
        auth: Vec<OwnedEventId>,
    },
}

impl Rooms {
    /// Takes an event at the end of a room that we are in. With `told`, its parents may be missing: another server said that these
    /// events, stored as outliers, are the state before it. What we know of that state ourselves has its say too.
    pub async fn accept_remote(
        &self,
        room_id: &RoomId,
        event: Pdu,
        told: Option<Vec<OwnedEventId>>,
    ) -> Result<Acceptance, RoomsError> {
        self.accept_owed(room_id, event, told, Owed::Nobody).await
    }

    /// The same for an event that other servers of the room may have to be told of.
    pub(super) async fn accept_owed(
        &self,
        room_id: &RoomId,
        event: Pdu,
        told: Option<Vec<OwnedEventId>>,
        owed: Owed,
    ) -> Result<Acceptance, RoomsError> {
        let guest_access = event.kind == TimelineEventType::RoomGuestAccess;
        let fared = self.accept_in_turn(room_id, event, told, owed).await?;
        if guest_access && fared == Acceptance::Accepted {
            self.remove_guests(room_id).await?;
        }
        if fared == Acceptance::Accepted
            && let Err(error) = self.tie_ends(room_id).await
        {
            tracing::info!(%room_id, %error, "The ends of a room could not be tied together.");
        }
        Ok(fared)
    }

    async fn accept_in_turn(
        &self,
        room_id: &RoomId,
        event: Pdu,
        told: Option<Vec<OwnedEventId>>,
        owed: Owed,
    ) -> Result<Acceptance, RoomsError> {
        let _turn = self.locks.lock(room_id).await;
        let (room, rules) = self.known(room_id).await?;
        if event.room_id != room.room_id {
            return Err(RoomsError::BadEvent("The event belongs to another room".to_owned()));
        }
        let mut db = self.store.read().await?;
        if let Some(stored) = db.event(&event.event_id).await?
            && (stored.position.is_some() || stored.standing != Standing::Accepted)
        {
            return Ok(Acceptance::Known);
        }
        let (mut auth, missing_auth) = self.load_events(&mut db, room_id, &event.auth_events).await?;
        let (parents, missing_prev) = parents_with_state(&mut db, &event.prev_events).await?;
        drop(db);
        if parents.iter().any(|parent| parent.room != room.sn) {
            return Err(RoomsError::BadEvent("The event names one of another room as its parent".to_owned()));
        }
        if !missing_auth.is_empty() || !missing_prev.is_empty() && told.is_none() {
            let prev = if told.is_some() { Vec::new() } else { missing_prev };
            return Ok(Acceptance::Missing { prev, auth: missing_auth });
        }
        if rules.authorization.room_create_event_id_as_room_id {
            self.add_create(room_id, &BTreeMap::new(), &mut auth).await?;
        }
        let verdict = checks::auth_events::check(&rules, &event, &auth);
        let event = Arc::new(event);
        let before = self.state_before(&room, &rules, &parents, told.as_deref()).await?;
        let verdict = match verdict {
            Ok(()) => self.check_state_before(&room, &rules, &event, &before).await?,
            Err(reason) => Err(reason),
        };
        let missing = self.newly_missing(room.sn, &event, missing_prev).await?;
        let mut judged = Judged { room, rules, event, parents, before, missing };
        if let Err(reason) = verdict {
            tracing::info!(event_id = %judged.event.event_id, %room_id, reason, "An event was rejected.");
            self.keep_aside(&judged, Standing::Rejected).await?;
            return Ok(Acceptance::Rejected(reason));
        }
        let now = self.store.read().await?.current_state_map(judged.room.sn).await?;
        if self.check_state_now(&judged, &now).await?.is_err() {
            self.keep_aside(&judged, Standing::SoftFailed).await?;
            return Ok(Acceptance::SoftFailed);
        }
        match self.recommended(&judged.room, &judged.rules, judged.event.clone()).await? {
            Some(event) => judged.event = event,
            None => {
                self.keep_aside(&judged, Standing::SoftFailed).await?;
                return Ok(Acceptance::SoftFailed);
            }
        }
        self.write_remote(judged, now, owed).await?;
        Ok(Acceptance::Accepted)
    }

    /// Parsed events by id, and the ids of those that are not stored.
    async fn load_events(
        &self,
        db: &mut Db,
        room_id: &RoomId,
        ids: &[OwnedEventId],
    ) -> Result<(BTreeMap<OwnedEventId, Arc<Pdu>>, Vec<OwnedEventId>), RoomsError> {
        let mut found = BTreeMap::new();
        let mut missing = Vec::new();
        for event_id in ids {
            match db.event(event_id).await? {
                Some(stored) => {
                    found.insert(event_id.clone(), self.parsed(&stored, room_id)?);
                }
                None => missing.push(event_id.clone()),
            }
        }
        Ok((found, missing))
    }

    /// A stored event parsed, from the cache where it is there.
    pub(super) fn parsed(&self, stored: &StoredEvent, room_id: &RoomId) -> Result<Arc<Pdu>, StoreError> {
        if stored.standing != Standing::Rejected
            && let Some(event) = self.cache.get(&stored.event_id)
        {
            return Ok(event);
        }
        let event = Arc::new(Pdu::from_stored(stored, room_id)?);
        self.cache.put(&event);
        Ok(event)
    }
}

#[cfg(test)]
mod tests;
