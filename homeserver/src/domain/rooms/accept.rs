//! Events of other servers: the specification's checks in their order, then the same writing as for our own.
//!
//! Signatures and hashes were checked before a [`Pdu`] was made of the event (Server-Server API, "Checks performed on receipt of a PDU",
//! 1–3); here follow 4–6: the event's own auth events, the state before it, the room's state now.

use std::{collections::BTreeMap, sync::Arc};

use ruma::{EventId, OwnedEventId, RoomId, events::TimelineEventType, room_version_rules::RoomVersionRules, state_res};

use crate::{
    domain::events::{
        Pdu,
        auth::{LoadedState, authorise, needed_state},
        resolve::resolve,
    },
    store::{Db, Durability, EventSn, KeySn, RoomRow, SnapshotSn, Standing, StateMap, StoreError, StoredEvent},
};

use super::{
    Rooms, RoomsError,
    append::{Accepted, append, put},
};

mod backfill;
mod enter;
mod outliers;

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
    /// Takes an event at the end of a room that we are in. With `state_before`, its parents may be missing: these events, stored as
    /// outliers, are the state before it then.
    pub async fn accept_remote(
        &self,
        room_id: &RoomId,
        event: Pdu,
        state_before: Option<Vec<OwnedEventId>>,
    ) -> Result<Acceptance, RoomsError> {
        let guest_access = event.kind == TimelineEventType::RoomGuestAccess;
        let fared = self.accept_in_turn(room_id, event, state_before).await?;
        if guest_access && fared == Acceptance::Accepted {
            self.remove_guests(room_id).await?;
        }
        Ok(fared)
    }

    async fn accept_in_turn(
        &self,
        room_id: &RoomId,
        event: Pdu,
        state_before: Option<Vec<OwnedEventId>>,
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
        let missing_prev = if state_before.is_some() { Vec::new() } else { missing_prev };
        if !missing_auth.is_empty() || !missing_prev.is_empty() {
            return Ok(Acceptance::Missing { prev: missing_prev, auth: missing_auth });
        }
        drop(db);
        if rules.authorization.room_create_event_id_as_room_id {
            self.add_create(room_id, &BTreeMap::new(), &mut auth).await?;
        }
        let verdict = check_auth_events(&rules, &event, &auth);
        let event = Arc::new(event);
        let before = match state_before {
            Some(events) => self.state_of(&events).await?,
            None => self.state_after_all(&room, &rules, &parents).await?,
        };
        let verdict = match verdict {
            Ok(()) => self.check_state(&room, &rules, &event, &before).await?,
            Err(reason) => Err(reason),
        };
        if let Err(reason) = verdict {
            tracing::info!(event_id = %event.event_id, %room_id, reason, "An event was rejected.");
            self.keep_aside(&room, &event, Standing::Rejected, &parents, before).await?;
            return Ok(Acceptance::Rejected(reason));
        }
        let mut db = self.store.read().await?;
        let now = db.current_state_map(room.sn).await?;
        drop(db);
        if self.check_state(&room, &rules, &event, &now).await?.is_err() {
            self.keep_aside(&room, &event, Standing::SoftFailed, &parents, before).await?;
            return Ok(Acceptance::SoftFailed);
        }
        self.write_remote(room, rules, event, parents, before, now).await?;
        Ok(Acceptance::Accepted)
    }

    /// Writes an accepted event: first its number, then the room's new state is found, then everything in one transaction.
    async fn write_remote(
        &self,
        room: RoomRow,
        rules: RoomVersionRules,
        event: Arc<Pdu>,
        parents: Vec<StoredEvent>,
        before: StateMap,
        now: StateMap,
    ) -> Result<(), RoomsError> {
        let (snapshot, sn, key) = self.number(&room, &event, &parents, before.clone()).await?;
        let mut after = before;
        if let Some(key) = key {
            after.insert(key, sn);
        }
        let mut states = vec![after];
        let mut db = self.store.read().await?;
        for (end, event_id, _) in db.forward_extremities(room.sn).await? {
            if !event.prev_events.iter().any(|parent| parent.as_str() == event_id) {
                let end = db.event_by_sn(end).await?.ok_or(StoreError::Damaged("an end of a room's graph"))?;
                let state = state_after(&mut db, &end).await?;
                if !states.contains(&state) {
                    states.push(state);
                }
            }
        }
        drop(db);
        let new = match states.len() {
            1 => states.pop().unwrap_or_default(),
            _ => resolve(self.store.clone(), self.cache.clone(), room.room_id.clone(), rules.clone(), states).await?,
        };
        let accepted = Accepted {
            event: event.clone(),
            rules: rules.clone(),
            before: Some(snapshot),
            resolved: Some(difference(&now, &new)),
            ours: false,
            transaction: None,
            push: self.push.clone(),
            appservices: self.appservices.clone(),
        };
        let redacted = event.redaction_target(&rules);
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move {
                    append(tx, room.sn, &accepted).await?;
                    tx.remove_backward_extremity(room.sn, sn).await
                })
            })
            .await?;
        if let Some(redacted) = redacted {
            self.cache.forget(&redacted);
        }
        self.cache.put(&event);
        Ok(())
    }

    /// Gives the event its number (as an outlier until it is written) and the state before it a snapshot.
    async fn number(
        &self,
        room: &RoomRow,
        event: &Arc<Pdu>,
        parents: &[StoredEvent],
        before: StateMap,
    ) -> Result<(SnapshotSn, EventSn, Option<KeySn>), RoomsError> {
        let (room, event) = (room.sn, event.clone());
        let near = parents.iter().find_map(|parent| parent.snapshot);
        Ok(self
            .store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let snapshot = match near {
                        Some(near) => {
                            let changes = difference(&tx.state(near).await?, &before);
                            tx.state_with(room, Some(near), &changes).await?
                        }
                        None => tx.put_state(room, &before).await?,
                    };
                    let sn = put(tx, room, &event, Standing::Accepted, None, None).await?;
                    let key = match &event.state_key {
                        Some(state_key) => Some(tx.make_key_sn(&event.kind.to_string(), state_key).await?),
                        None => None,
                    };
                    Ok((snapshot, sn, key))
                })
            })
            .await?)
    }

    /// Stores an event that is not shown.
    async fn keep_aside(
        &self,
        room: &RoomRow,
        event: &Arc<Pdu>,
        standing: Standing,
        parents: &[StoredEvent],
        before: StateMap,
    ) -> Result<(), RoomsError> {
        let (snapshot, ..) = self.number(room, event, parents, before).await?;
        let (room, event) = (room.sn, event.clone());
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { put(tx, room, &event, standing, None, Some(snapshot)).await.map(|_| ()) })
            })
            .await?;
        Ok(())
    }

    /// Whether this state allows the event.
    async fn check_state(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: &Pdu,
        state: &StateMap,
    ) -> Result<Result<(), String>, RoomsError> {
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

    /// The resolved state after several parents.
    async fn state_after_all(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        parents: &[StoredEvent],
    ) -> Result<StateMap, RoomsError> {
        let mut states: Vec<StateMap> = Vec::new();
        let mut db = self.store.read().await?;
        for parent in parents {
            let state = state_after(&mut db, parent).await?;
            if !states.contains(&state) {
                states.push(state);
            }
        }
        drop(db);
        if states.len() <= 1 {
            return Ok(states.pop().unwrap_or_default());
        }
        Ok(resolve(self.store.clone(), self.cache.clone(), room.room_id.clone(), rules.clone(), states).await?)
    }

    /// A state made of stored events.
    async fn state_of(&self, events: &[OwnedEventId]) -> Result<StateMap, RoomsError> {
        let mut db = self.store.read().await?;
        let mut state = StateMap::new();
        for event_id in events {
            if let Some(stored) = db.event(event_id).await?
                && stored.standing == Standing::Accepted
                && let Some(key) = stored.key
            {
                state.insert(key, stored.sn);
            }
        }
        Ok(state)
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

/// Check 4: the event's auth events are the right ones, none was rejected, and they allow it.
fn check_auth_events(
    rules: &RoomVersionRules,
    event: &Pdu,
    auth: &BTreeMap<OwnedEventId, Arc<Pdu>>,
) -> Result<(), String> {
    state_res::check_state_independent_auth_rules(&rules.authorization, event, |event_id: &EventId| {
        auth.get(event_id).cloned()
    })?;
    let mut state = LoadedState::new();
    for event in auth.values() {
        if let Some(state_key) = &event.state_key {
            state.insert((event.kind.to_string(), state_key.clone()), event.clone());
        }
    }
    authorise(rules, event, &state)
}

/// Parents whose state we know, and the ids of the others.
async fn parents_with_state(
    db: &mut Db,
    ids: &[OwnedEventId],
) -> Result<(Vec<StoredEvent>, Vec<OwnedEventId>), StoreError> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for event_id in ids {
        match db.event(event_id).await? {
            // Only the first event of a room has no state before it and a place on the timeline.
            Some(stored) if stored.snapshot.is_some() || stored.position.is_some() => found.push(stored),
            _ => missing.push(event_id.clone()),
        }
    }
    Ok((found, missing))
}

/// State after a stored event: the one before, and the event itself when it is accepted state.
async fn state_after(db: &mut Db, event: &StoredEvent) -> Result<StateMap, StoreError> {
    let mut state = match event.snapshot {
        Some(snapshot) => db.state(snapshot).await?,
        None => StateMap::new(),
    };
    if let Some(key) = event.key
        && event.standing != Standing::Rejected
    {
        state.insert(key, event.sn);
    }
    Ok(state)
}

/// What turns one state into another.
fn difference(from: &StateMap, to: &StateMap) -> BTreeMap<KeySn, Option<EventSn>> {
    let mut changes: BTreeMap<KeySn, Option<EventSn>> =
        from.keys().filter(|key| !to.contains_key(key)).map(|key| (*key, None)).collect();
    changes
        .extend(to.iter().filter(|(key, event)| from.get(key) != Some(event)).map(|(key, event)| (*key, Some(*event))));
    changes
}
