//! Outliers: events of auth chains and states, known without their place in the timeline.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use ruma::{
    EventId, OwnedEventId, RoomId, RoomVersionId, events::TimelineEventType, room_version_rules::RoomVersionRules,
};

use crate::{
    domain::{
        events::{Pdu, versions},
        rooms::{Rooms, RoomsError, append::put},
    },
    store::{Durability, Standing, StoreError},
};

use super::checks;

/// Events written in one transaction.
const AT_ONCE: usize = 200;
/// Events judged before others may go on.
const YIELD: usize = 20;

impl Rooms {
    /// Stores state events of another server as outliers, in any order; each is checked against its own auth events, rejected ones are
    /// kept as such. Those whose auth events are missing are left out. Answers the ids of the accepted ones.
    pub async fn accept_outliers(
        &self,
        room_id: &RoomId,
        version: &RoomVersionId,
        mut events: Vec<Pdu>,
    ) -> Result<HashSet<OwnedEventId>, RoomsError> {
        // Nothing rests on a message: it comes by its own way, or not at all.
        events.retain(|event| event.state_key.is_some());
        let rules = versions::rules(version).ok_or(RoomsError::UnsupportedVersion)?;
        let checked = self.check_outliers(room_id, &rules, events).await?;
        let accepted = checked
            .iter()
            .filter(|(_, standing)| *standing == Standing::Accepted)
            .map(|(event, _)| event.event_id.clone())
            .collect();
        self.store_outliers(room_id, version, &checked).await?;
        Ok(accepted)
    }

    /// Stores judged events, a part at a time: others write between.
    pub(super) async fn store_outliers(
        &self,
        room_id: &RoomId,
        version: &RoomVersionId,
        checked: &[(Arc<Pdu>, Standing)],
    ) -> Result<(), StoreError> {
        for part in checked.chunks(AT_ONCE) {
            let (room_id, version, part) = (room_id.to_owned(), version.clone(), part.to_vec());
            self.store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(async move {
                        let room = tx.make_room(&room_id, &version).await?;
                        for (event, standing) in part {
                            // What is on the timeline, or was judged before, stays as it is.
                            if tx.event(&event.event_id).await?.is_none() {
                                put(tx, room, &event, standing, None, None).await?;
                            }
                        }
                        Ok(())
                    })
                })
                .await?;
        }
        Ok(())
    }

    /// Judges events by their own auth events, ancestors first.
    pub(super) async fn check_outliers(
        &self,
        room_id: &RoomId,
        rules: &RoomVersionRules,
        events: Vec<Pdu>,
    ) -> Result<Vec<(Arc<Pdu>, Standing)>, RoomsError> {
        let mut known: BTreeMap<OwnedEventId, Arc<Pdu>> = BTreeMap::new();
        let mut checked = Vec::with_capacity(events.len());
        for (index, event) in ancestors_first(events).into_iter().enumerate() {
            if index % YIELD == YIELD - 1 {
                tokio::task::yield_now().await;
            }
            if event.room_id != *room_id {
                continue;
            }
            let mut auth = BTreeMap::new();
            let mut complete = true;
            for event_id in &event.auth_events {
                match known.get(event_id) {
                    Some(parent) => {
                        auth.insert(event_id.clone(), parent.clone());
                    }
                    None => {
                        let (found, missing) = self
                            .load_events(&mut *self.store.read().await?, room_id, std::slice::from_ref(event_id))
                            .await?;
                        complete &= missing.is_empty();
                        auth.extend(found);
                    }
                }
            }
            if !complete {
                continue;
            }
            if rules.authorization.room_create_event_id_as_room_id {
                self.add_create(room_id, &known, &mut auth).await?;
            }
            let verdict = checks::auth_events::check(rules, &event, &auth);
            let mut event = event;
            let standing = match verdict {
                Ok(()) => Standing::Accepted,
                Err(reason) => {
                    tracing::debug!(event_id = %event.event_id, %room_id, reason, "An outlier was rejected.");
                    event.rejected = true;
                    Standing::Rejected
                }
            };
            let event = Arc::new(event);
            known.insert(event.event_id.clone(), event.clone());
            checked.push((event, standing));
        }
        Ok(checked)
    }

    /// The create event stands behind every event from room version 12 on, without being named.
    pub(in crate::domain::rooms) async fn add_create(
        &self,
        room_id: &RoomId,
        known: &BTreeMap<OwnedEventId, Arc<Pdu>>,
        auth: &mut BTreeMap<OwnedEventId, Arc<Pdu>>,
    ) -> Result<(), RoomsError> {
        let Ok(create) = EventId::parse(room_id.as_str().replacen('!', "$", 1)) else { return Ok(()) };
        if let Some(event) = known.get(&create) {
            auth.insert(create, event.clone());
            return Ok(());
        }
        let (found, _) = self.load_events(&mut *self.store.read().await?, room_id, &[create]).await?;
        auth.extend(found);
        Ok(())
    }
}

/// Sorts by auth edges; events in a circle, which no honest server makes, are left out.
fn ancestors_first(events: Vec<Pdu>) -> Vec<Pdu> {
    let mut waiting: HashMap<OwnedEventId, Pdu> =
        events.into_iter().map(|event| (event.event_id.clone(), event)).collect();
    let mut children: HashMap<OwnedEventId, Vec<OwnedEventId>> = HashMap::new();
    let mut open: HashMap<OwnedEventId, usize> = HashMap::new();
    for event in waiting.values() {
        let parents: HashSet<&OwnedEventId> =
            event.auth_events.iter().filter(|parent| waiting.contains_key(*parent)).collect();
        open.insert(event.event_id.clone(), parents.len());
        for parent in parents {
            children.entry(parent.clone()).or_default().push(event.event_id.clone());
        }
    }
    let mut ready: Vec<OwnedEventId> = open.iter().filter(|(_, n)| **n == 0).map(|(id, _)| id.clone()).collect();
    let mut sorted = Vec::with_capacity(waiting.len());
    while let Some(event_id) = ready.pop() {
        for child in children.remove(&event_id).unwrap_or_default() {
            if let Some(count) = open.get_mut(&child) {
                *count -= 1;
                if *count == 0 {
                    ready.push(child);
                }
            }
        }
        sorted.extend(waiting.remove(&event_id));
    }
    // From room version 12 on every event rests on the create event without naming it.
    sorted.sort_by_key(|event| event.kind != TimelineEventType::RoomCreate);
    sorted
}
