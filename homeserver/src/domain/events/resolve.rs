//! State resolution: ruma's algorithm over our store.
//!
//! The algorithm asks for events by closures that cannot wait, so it runs on a thread of its own and waits there.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use ruma::{
    EventId, OwnedEventId, OwnedRoomId,
    events::StateEventType,
    room_version_rules::{RoomVersionRules, StateResolutionVersion},
    state_res::{self, utils::event_id_set::EventIdSet},
};
use tokio::runtime::Handle;

use crate::store::{EdgeKind, EventSn, KeySn, StateMap, Store, StoreError};

use super::{cache::EventCache, pdu::Pdu};

/// Several states of a room become one.
pub async fn resolve(
    store: Store,
    cache: EventCache,
    room_id: OwnedRoomId,
    rules: RoomVersionRules,
    states: Vec<StateMap>,
) -> Result<StateMap, StoreError> {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let StateResolutionVersion::V2(resolution) = rules.state_res else {
            return Err(StoreError::Damaged("a room of an unsupported version"));
        };
        let lookup = Lookup { runtime, store, cache, room_id, seen: RefCell::default() };
        let mut numbers: HashMap<OwnedEventId, EventSn> = HashMap::new();
        let mut keys: HashMap<(StateEventType, String), KeySn> = HashMap::new();
        let mut maps = Vec::with_capacity(states.len());
        let mut chains = Vec::with_capacity(states.len());
        for state in &states {
            let mut map = state_res::StateMap::new();
            for (key, event) in state {
                let (kind, state_key) = lookup.state_key(*key)?;
                let event_id = lookup.event_id(*event)?;
                numbers.insert(event_id.clone(), *event);
                keys.insert((kind.clone(), state_key.clone()), *key);
                map.insert((kind, state_key), event_id);
            }
            maps.push(map);
            chains.push(lookup.auth_chain(state)?);
        }
        let resolved = state_res::resolve(
            &rules.authorization,
            &resolution,
            maps.iter(),
            chains,
            |event_id| lookup.event(event_id),
            |conflicted| lookup.conflicted_subgraph(conflicted).ok(),
        )
        .map_err(|error| {
            tracing::warn!(%error, "The state of a room could not be resolved.");
            StoreError::Damaged("a room's state could not be resolved")
        })?;
        let mut result = StateMap::new();
        for (key, event_id) in resolved {
            let sn = match numbers.get(&event_id) {
                Some(sn) => *sn,
                None => lookup.number(&event_id)?,
            };
            let key_sn = match keys.get(&key) {
                Some(key_sn) => *key_sn,
                None => lookup.key_number(&key.0.to_string(), &key.1)?,
            };
            result.insert(key_sn, sn);
        }
        Ok(result)
    })
    .await
    .map_err(|_| StoreError::Damaged("state resolution failed"))?
}

/// Reads for a thread that may wait.
struct Lookup {
    runtime: Handle,
    store: Store,
    cache: EventCache,
    room_id: OwnedRoomId,
    seen: RefCell<HashMap<OwnedEventId, Option<Arc<Pdu>>>>,
}

impl Lookup {
    fn event(&self, event_id: &EventId) -> Option<Arc<Pdu>> {
        if let Some(seen) = self.seen.borrow().get(event_id) {
            return seen.clone();
        }
        let found = self.cache.get(event_id).or_else(|| {
            let stored = self.runtime.block_on(async { self.store.read().await?.event(event_id).await });
            let event = Arc::new(Pdu::from_stored(&stored.ok()??, &self.room_id).ok()?);
            self.cache.put(&event);
            Some(event)
        });
        let found = found.filter(|event| event.room_id == self.room_id);
        self.seen.borrow_mut().insert(event_id.to_owned(), found.clone());
        found
    }

    fn event_id(&self, event: EventSn) -> Result<OwnedEventId, StoreError> {
        self.runtime.block_on(async { self.store.read().await?.event_id(event).await })
    }

    fn number(&self, event_id: &EventId) -> Result<EventSn, StoreError> {
        let found = self.runtime.block_on(async { self.store.read().await?.event_sn(event_id).await })?;
        found.map(|(sn, _)| sn).ok_or(StoreError::Damaged("a resolved event is not stored"))
    }

    fn state_key(&self, key: KeySn) -> Result<(StateEventType, String), StoreError> {
        let (kind, state_key) = self.runtime.block_on(async { self.store.read().await?.state_key(key).await })?;
        Ok((kind.into(), state_key))
    }

    fn key_number(&self, kind: &str, state_key: &str) -> Result<KeySn, StoreError> {
        let found = self.runtime.block_on(async { self.store.read().await?.key_sn(kind, state_key).await })?;
        found.ok_or(StoreError::Damaged("a resolved state key is not stored"))
    }

    /// Everything that the events of a state rest on, and these themselves.
    fn auth_chain(&self, state: &StateMap) -> Result<EventIdSet<OwnedEventId>, StoreError> {
        let events: Vec<EventSn> = state.values().copied().collect();
        let chain = self.runtime.block_on(async { self.store.read().await?.auth_chain_ids(&events).await })?;
        Ok(chain.into_iter().collect())
    }

    /// The events on auth paths between conflicted ones (room version 12 on): those that rest on one and on which another rests.
    fn conflicted_subgraph(
        &self,
        conflicted: &state_res::StateMap<Vec<OwnedEventId>>,
    ) -> Result<EventIdSet<OwnedEventId>, StoreError> {
        let mut starts = BTreeSet::new();
        for event_id in conflicted.values().flatten() {
            starts.insert(self.number(event_id)?);
        }
        // All events that conflicted ones rest on, with their own auth edges.
        let mut parents: BTreeMap<EventSn, Vec<EventSn>> = BTreeMap::new();
        let mut open: Vec<EventSn> = starts.iter().copied().collect();
        while let Some(event) = open.pop() {
            if parents.contains_key(&event) {
                continue;
            }
            let edges =
                self.runtime.block_on(async { self.store.read().await?.parents(event, EdgeKind::Auth).await })?;
            open.extend(edges.iter().copied());
            parents.insert(event, edges);
        }
        // Of those, the ones that rest on a conflicted one themselves. Parents are settled before children.
        let mut rests: HashMap<EventSn, bool> = HashMap::new();
        for start in &starts {
            settle(*start, &parents, &starts, &mut rests);
        }
        let mut subgraph = EventIdSet::new();
        for (event, rests_on_conflicted) in rests {
            if rests_on_conflicted {
                subgraph.insert(self.event_id(event)?);
            }
        }
        Ok(subgraph)
    }
}

/// Marks, without recursion, every ancestor of `start` that is conflicted or rests on a conflicted event.
fn settle(
    start: EventSn,
    parents: &BTreeMap<EventSn, Vec<EventSn>>,
    conflicted: &BTreeSet<EventSn>,
    rests: &mut HashMap<EventSn, bool>,
) {
    let mut path = vec![(start, false)];
    while let Some((event, parents_done)) = path.pop() {
        if rests.contains_key(&event) {
            continue;
        }
        let above = parents.get(&event).map(Vec::as_slice).unwrap_or_default();
        if parents_done {
            let rest = conflicted.contains(&event) || above.iter().any(|parent| rests.get(parent) == Some(&true));
            rests.insert(event, rest);
        } else {
            path.push((event, true));
            path.extend(above.iter().filter(|parent| !rests.contains_key(parent)).map(|parent| (*parent, false)));
        }
    }
}
