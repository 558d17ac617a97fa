//! The state before an event and after its parents.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedEventId, room_version_rules::RoomVersionRules};

use crate::{
    domain::{
        events::{Pdu, resolve::resolve},
        rooms::{Rooms, RoomsError},
    },
    store::{Db, EdgeKind, EventSn, KeySn, RoomRow, RoomSn, SnapshotSn, Standing, StateMap, StoreError, StoredEvent},
};

impl Rooms {
    /// The resolved state of what came after each of the parents, and of a state that another server told.
    pub(super) async fn state_before(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        parents: &[StoredEvent],
        told: Option<&[OwnedEventId]>,
    ) -> Result<StateMap, RoomsError> {
        let mut db = self.store.read().await?;
        let mut states = states_after(&mut db, parents).await?;
        if let Some(told) = told {
            add(&mut states, state_of(&mut db, room.sn, told).await?);
        }
        drop(db);
        Ok(self.resolved(room, rules, states).await?)
    }

    /// Those of an event's missing parents that leave a hole before it: they are neither on the timeline nor hidden from it, not older
    /// than our time in the room, and no other event misses them already.
    pub(super) async fn newly_missing(
        &self,
        room: RoomSn,
        event: &Pdu,
        ids: Vec<OwnedEventId>,
    ) -> Result<Vec<OwnedEventId>, StoreError> {
        let mut missing = Vec::new();
        if ids.is_empty() {
            return Ok(missing);
        }
        let mut db = self.store.read().await?;
        if event.depth <= db.oldest_live_depth(room).await? {
            return Ok(missing);
        }
        for event_id in ids {
            if db.is_missed(room, &event_id).await? {
                continue;
            }
            let stored = db.event(&event_id).await?;
            if stored.is_none_or(|it| it.position.is_none() && it.standing == Standing::Accepted) {
                missing.push(event_id);
            }
        }
        Ok(missing)
    }

    /// Several states become one.
    pub(in crate::domain::rooms) async fn resolved(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        mut states: Vec<StateMap>,
    ) -> Result<StateMap, StoreError> {
        if states.len() <= 1 {
            return Ok(states.pop().unwrap_or_default());
        }
        resolve(self.store.clone(), self.cache.clone(), room.room_id.clone(), rules.clone(), states).await
    }
}

/// The different states after some events.
pub(in crate::domain::rooms) async fn states_after(
    db: &mut Db,
    events: &[StoredEvent],
) -> Result<Vec<StateMap>, StoreError> {
    let mut states = Vec::new();
    // Most events leave the state as it is: equal ones are not even loaded.
    let mut seen: BTreeSet<(Option<SnapshotSn>, Option<EventSn>)> = BTreeSet::new();
    for event in events {
        let own = event.key.filter(|_| event.standing != Standing::Rejected);
        if seen.insert((event.snapshot, own.map(|_| event.sn))) {
            let mut state = match event.snapshot {
                Some(snapshot) => db.state(snapshot).await?,
                None => StateMap::new(),
            };
            if let Some(key) = own {
                state.insert(key, event.sn);
            }
            add(&mut states, state);
        }
    }
    Ok(states)
}

pub(in crate::domain::rooms) fn add(states: &mut Vec<StateMap>, state: StateMap) {
    if !states.contains(&state) {
        states.push(state);
    }
}

/// A state made of stored events; what is none of the room's has no part in it.
pub(in crate::domain::rooms) async fn state_of(
    db: &mut Db,
    room: RoomSn,
    events: &[OwnedEventId],
) -> Result<StateMap, StoreError> {
    let mut state = StateMap::new();
    for event_id in events {
        if let Some(stored) = db.event(event_id).await?
            && stored.room == room
            && stored.standing != Standing::Rejected
            && let Some(key) = stored.key
        {
            state.insert(key, stored.sn);
        }
    }
    Ok(state)
}

/// Parents whose state we know, and the ids of the others.
pub(in crate::domain::rooms) async fn parents_with_state(
    db: &mut Db,
    ids: &[OwnedEventId],
) -> Result<(Vec<StoredEvent>, Vec<OwnedEventId>), StoreError> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for event_id in ids {
        match db.event(event_id).await? {
            Some(stored) if stored.snapshot.is_some() => found.push(stored),
            // Nothing was before the first event of a room; of others without a state it is not known, for they were fetched as history.
            Some(stored) if stored.position.is_some() && db.parents(stored.sn, EdgeKind::Prev).await?.is_empty() => {
                found.push(stored);
            }
            _ => missing.push(event_id.clone()),
        }
    }
    Ok((found, missing))
}

/// What turns one state into another.
pub(in crate::domain::rooms) fn difference(from: &StateMap, to: &StateMap) -> BTreeMap<KeySn, Option<EventSn>> {
    let mut changes: BTreeMap<KeySn, Option<EventSn>> =
        from.keys().filter(|key| !to.contains_key(key)).map(|key| (*key, None)).collect();
    changes
        .extend(to.iter().filter(|(key, event)| from.get(key) != Some(event)).map(|(key, event)| (*key, Some(*event))));
    changes
}
