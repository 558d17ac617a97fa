//! Events of other servers: the specification's [`checks`] in their order, then the same writing as for our own.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use ruma::{OwnedEventId, RoomId, events::TimelineEventType, room_version_rules::RoomVersionRules};

use crate::{
    domain::events::Pdu,
    store::{Db, RoomSn, Standing, StoreError, StoredEvent, UserSn},
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

/// How an event came into its room.
pub(super) struct Came {
    pub owed: Owed,
    /// Device and transaction id of the local sender.
    pub transaction: Option<(UserSn, String, String)>,
}

/// What came of an event's turn in its room.
enum Turn {
    Over(Acceptance),
    /// Nothing was stored: the policy server must be asked first.
    AskPolicy(RoomSn, RoomVersionRules),
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
        self.accept_as(room_id, Arc::new(event), told, &Came { owed, transaction: None }).await
    }

    /// The same, whichever way it came.
    pub(super) async fn accept_as(
        &self,
        room_id: &RoomId,
        event: Arc<Pdu>,
        told: Option<Vec<OwnedEventId>>,
        came: &Came,
    ) -> Result<Acceptance, RoomsError> {
        let guest_access = event.kind == TimelineEventType::RoomGuestAccess;
        let fared = match self.accept_in_turn(room_id, event.clone(), told.as_deref(), came, None).await? {
            Turn::Over(fared) => fared,
            // Others go on in the room meanwhile.
            Turn::AskPolicy(room, rules) => {
                let recommended = self.recommended(room, &rules, event.clone()).await?;
                match self.accept_in_turn(room_id, event, told.as_deref(), came, Some(recommended)).await? {
                    Turn::Over(fared) => fared,
                    Turn::AskPolicy(..) => return Err(StoreError::Closed.into()),
                }
            }
        };
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

    /// The same for what is sent in turn, when an event is accepted: calls in a circle go by way of the heap.
    pub(super) fn accept_beside<'a>(
        &'a self,
        room_id: &'a RoomId,
        event: Arc<Pdu>,
        came: &'a Came,
    ) -> BoxFuture<'a, Result<Acceptance, RoomsError>> {
        Box::pin(self.accept_as(room_id, event, None, came))
    }

    /// `recommended` is what the policy server said, when it was asked: the event with its signature, or that it does not sign.
    async fn accept_in_turn(
        &self,
        room_id: &RoomId,
        event: Arc<Pdu>,
        told: Option<&[OwnedEventId]>,
        came: &Came,
        recommended: Option<Option<Arc<Pdu>>>,
    ) -> Result<Turn, RoomsError> {
        let _permit = self.judging.acquire().await.map_err(|_| StoreError::Closed)?;
        let _turn = self.locks.lock(room_id).await;
        let (room, rules) = self.known(room_id).await?;
        if event.room_id != room.room_id {
            return Err(RoomsError::BadEvent("The event belongs to another room".to_owned()));
        }
        // One of ours, made twice of the same request.
        if self.sent_before(room.sn, &event.kind.to_string(), came.transaction.as_ref()).await?.is_some() {
            return Ok(Turn::Over(Acceptance::Known));
        }
        let mut db = self.store.read().await?;
        if let Some(stored) = db.event(&event.event_id).await?
            && (stored.position.is_some() || stored.standing != Standing::Accepted)
        {
            return Ok(Turn::Over(Acceptance::Known));
        }
        let (mut auth, missing_auth) = self.load_events(&mut db, room_id, &event.auth_events).await?;
        let (parents, missing_prev) = parents_with_state(&mut db, &event.prev_events).await?;
        drop(db);
        if parents.iter().any(|parent| parent.room != room.sn) {
            return Err(RoomsError::BadEvent("The event names one of another room as its parent".to_owned()));
        }
        if !missing_auth.is_empty() || !missing_prev.is_empty() && told.is_none() {
            let prev = if told.is_some() { Vec::new() } else { missing_prev };
            return Ok(Turn::Over(Acceptance::Missing { prev, auth: missing_auth }));
        }
        if rules.authorization.room_create_event_id_as_room_id {
            self.add_create(room_id, &BTreeMap::new(), &mut auth).await?;
        }
        let verdict = checks::auth_events::check(&rules, &event, &auth);
        let mut before = self.state_before(&room, &rules, &parents, told).await?;
        if room.partial {
            self.add_claimed(&event, &mut before).await?;
        }
        let verdict = match verdict {
            Ok(()) => self.check_state_before(&room, &rules, &event, &before).await?,
            Err(reason) => Err(reason),
        };
        let missing = self.newly_missing(room.sn, &event, missing_prev).await?;
        let mut judged = Judged { room, rules, event, parents, before, missing };
        if let Err(reason) = verdict {
            tracing::info!(event_id = %judged.event.event_id, %room_id, reason, "An event was rejected.");
            self.keep_aside(&judged, Standing::Rejected).await?;
            return Ok(Turn::Over(Acceptance::Rejected(reason)));
        }
        let now = self.store.read().await?.current_state_map(judged.room.sn).await?;
        let mut with_claimed = None;
        if judged.room.partial {
            self.add_claimed(&judged.event, with_claimed.insert(now.clone())).await?;
        }
        if self.check_state_now(&judged, with_claimed.as_ref().unwrap_or(&now)).await?.is_err() {
            self.keep_aside(&judged, Standing::SoftFailed).await?;
            return Ok(Turn::Over(Acceptance::SoftFailed));
        }
        match recommended {
            Some(Some(signed)) => judged.event = signed,
            Some(None) => {
                self.keep_aside(&judged, Standing::SoftFailed).await?;
                return Ok(Turn::Over(Acceptance::SoftFailed));
            }
            None if self.is_recommended(judged.room.sn, &judged.rules, &judged.event).await? => {}
            None => return Ok(Turn::AskPolicy(judged.room.sn, judged.rules)),
        }
        self.write_remote(judged, now, came).await?;
        Ok(Turn::Over(Acceptance::Accepted))
    }

    /// Parsed events by id, and the ids of those that are not stored.
    pub(super) async fn load_events(
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
