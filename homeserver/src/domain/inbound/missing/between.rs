//! The events between what we have and one that just came: fetched backwards, taken oldest first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use ruma::{
    OwnedEventId, UInt,
    api::federation::{backfill::get_backfill::v1 as backfill, event::get_missing_events::v1 as missing},
    room_version_rules::RoomVersionRules,
    uint,
};
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::{Pdu, pdu::Age},
        federation::Deadline,
        inbound::Inbound,
        rooms::{Acceptance, RoomsError},
    },
    store::RoomRow,
};

use super::{Again, Helpers};

/// Ends of our graph that we name as what we have; starts of one request.
const ENDS: usize = 20;
/// Requests, events, bytes and time of one walk.
const ROUNDS: usize = 60;
const EVENTS: usize = 2000;
const BYTES: usize = 16 * 1024 * 1024;
const TIME: Duration = Duration::from_secs(60);
/// Events at the end of a walk that was too short which are taken in a state that is fetched.
const OVER_HOLES: usize = 3;

/// What a walk found so far.
struct Walk {
    start: OwnedEventId,
    start_prev: Vec<OwnedEventId>,
    start_depth: i64,
    found: HashMap<OwnedEventId, Again>,
    bytes: usize,
    /// On the timeline here, or older than our time in the room.
    done: HashSet<OwnedEventId>,
}

impl Inbound {
    /// Fetches what lies between the ends of our graph and an event, and takes it. A hole that stays is left to the event itself.
    pub(super) async fn fill_between(
        &self,
        helpers: &Helpers,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: &Again,
    ) -> Result<(), RoomsError> {
        let mut walk = Walk {
            start: event.event_id.clone(),
            start_prev: event.prev_events.clone(),
            start_depth: event.depth,
            found: HashMap::new(),
            bytes: 0,
            done: HashSet::new(),
        };
        match tokio::time::timeout(TIME, self.walk_back(helpers, room, rules, &mut walk)).await {
            Ok(Err(RoomsError::Store(error))) => return Err(error.into()),
            // Nothing came, yet somebody may have it.
            Ok(Err(error @ RoomsError::Unreachable(_))) if walk.found.is_empty() => return Err(error),
            _ => {}
        }
        let (mut over_holes, mut ignored, mut last) = (0, 0_usize, None);
        let found = walk.found.len();
        for between in walk.oldest_first() {
            let fared = match self.rooms.verified(rules, &between.json).await {
                Ok(parsed) => self.rooms.accept_remote(&room.room_id, parsed, None).await,
                Err(error) => Err(error),
            };
            let fared = match fared {
                Ok(Acceptance::Missing { prev, auth }) => {
                    if !prev.is_empty() {
                        over_holes += 1;
                    }
                    if over_holes > OVER_HOLES {
                        continue;
                    }
                    self.take_lacking(helpers, room, rules, &between, (prev, auth)).await
                }
                other => other.map(|_| ()),
            };
            match fared {
                Ok(()) => {}
                Err(RoomsError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    ignored += 1;
                    last = Some((between.event_id, error));
                }
            }
        }
        if over_holes > 0 {
            tracing::info!(room_id = %room.room_id, event_id = %event.event_id, found, "The past of an event is longer than what came of it; it begins with a hole.");
        }
        if let Some((event_id, error)) = last {
            tracing::info!(room_id = %room.room_id, %event_id, %error, ignored, "Fetched events were not taken.");
        }
        Ok(())
    }

    /// Takes a fetched event with what it lacks.
    async fn take_lacking(
        &self,
        helpers: &Helpers,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: &Again,
        (prev, auth): (Vec<OwnedEventId>, Vec<OwnedEventId>),
    ) -> Result<(), RoomsError> {
        if !auth.is_empty() {
            self.fetch_auth(helpers, room, rules, event).await?;
        }
        if !prev.is_empty() {
            return self.accept_over_hole(helpers, room, rules, event).await;
        }
        let parsed = self.rooms.verified(rules, &event.json).await?;
        self.rooms.accept_remote(&room.room_id, parsed, None).await.map(|_| ())
    }

    async fn walk_back(
        &self,
        helpers: &Helpers,
        room: &RoomRow,
        rules: &RoomVersionRules,
        walk: &mut Walk,
    ) -> Result<(), RoomsError> {
        let (ends, oldest) = {
            let mut db = self.store.read().await?;
            (db.forward_extremities(room.sn).await?, db.oldest_live_depth(room.sn).await?)
        };
        let earliest: Vec<OwnedEventId> =
            ends.into_iter().take(ENDS).filter_map(|(_, id, _)| id.try_into().ok()).collect();
        // Servers give few events in answer to the first question; the second goes on from there.
        let mut by_backfill = false;
        for _ in 0..ROUNDS {
            let lacking = self.lacking(walk, oldest).await?;
            if lacking.is_empty() || walk.found.len() >= EVENTS || walk.bytes >= BYTES {
                return Ok(());
            }
            let (pdus, place) = if by_backfill {
                let starts: Vec<OwnedEventId> = lacking.keys().take(ENDS).cloned().collect();
                let request = || backfill::Request::new(room.room_id.clone(), starts.clone(), uint!(100));
                let (answer, place) = self.ask(helpers, request, Deadline::Events).await?;
                (answer.pdus, Some(place))
            } else {
                let latest: BTreeSet<OwnedEventId> = lacking.values().take(ENDS).cloned().collect();
                let request = || {
                    let latest = latest.iter().cloned().collect();
                    let mut request = missing::Request::new(room.room_id.clone(), earliest.clone(), latest);
                    request.limit = uint!(100);
                    // What is older than our own time in the room is history, and never new.
                    request.min_depth = UInt::try_from(oldest).unwrap_or_default();
                    request
                };
                match self.ask(helpers, request, Deadline::Events).await {
                    Ok((answer, place)) => (answer.events, Some(place)),
                    Err(RoomsError::BadEvent(_)) => (Vec::new(), None),
                    Err(error) => return Err(error),
                }
            };
            let before = walk.found.len();
            self.add(room, rules, walk, pdus, oldest).await?;
            drop(place);
            if walk.found.len() == before && by_backfill {
                return Ok(());
            }
            by_backfill = true;
        }
        Ok(())
    }

    /// Parents that are neither here nor found, each with an event that names it.
    async fn lacking(&self, walk: &mut Walk, oldest: i64) -> Result<BTreeMap<OwnedEventId, OwnedEventId>, RoomsError> {
        let found = walk.found.values().map(|event| (&event.event_id, &event.prev_events, event.depth));
        let start = (&walk.start, &walk.start_prev, walk.start_depth);
        let mut lacking = BTreeMap::new();
        let mut done = Vec::new();
        let mut db = self.store.read().await?;
        for (event_id, parents, depth) in found.chain([start]) {
            for parent in parents {
                if walk.found.contains_key(parent) || walk.done.contains(parent) || lacking.contains_key(parent) {
                    continue;
                }
                let here = db.event(parent).await?;
                let here = here.is_some_and(|event| event.snapshot.is_some() || event.position.is_some());
                if here || depth <= oldest {
                    done.push(parent.clone());
                } else {
                    lacking.insert(parent.clone(), event_id.clone());
                }
            }
        }
        drop(db);
        walk.done.extend(done);
        Ok(lacking)
    }

    /// Keeps of an answer what leads back from the event.
    async fn add(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        walk: &mut Walk,
        mut pdus: Vec<Box<RawValue>>,
        oldest: i64,
    ) -> Result<(), RoomsError> {
        pdus.truncate(100);
        let events = self.rooms.verified_all(rules, &room.room_id, pdus, Age::New).await?;
        let mut by_id: HashMap<OwnedEventId, Pdu> =
            events.into_iter().map(|event| (event.event_id.clone(), event)).collect();
        let mut open: Vec<OwnedEventId> = self.lacking(walk, oldest).await?.into_keys().collect();
        while let Some(event_id) = open.pop() {
            let Some(event) = by_id.remove(&event_id) else { continue };
            let here = self.store.read().await?.event(&event_id).await?;
            if event.depth < oldest || here.is_some_and(|event| event.position.is_some()) {
                walk.done.insert(event_id);
                continue;
            }
            open.extend(event.prev_events.iter().cloned());
            walk.bytes += event.json.len();
            walk.found.insert(event_id, Again::of(&event)?);
        }
        Ok(())
    }
}

impl Walk {
    /// Parents before children, by depth where neither is the other's.
    fn oldest_first(mut self) -> Vec<Again> {
        let mut children: HashMap<OwnedEventId, Vec<OwnedEventId>> = HashMap::new();
        let mut open: HashMap<OwnedEventId, usize> = HashMap::new();
        for event in self.found.values() {
            let parents: HashSet<&OwnedEventId> =
                event.prev_events.iter().filter(|parent| self.found.contains_key(*parent)).collect();
            open.insert(event.event_id.clone(), parents.len());
            for parent in parents {
                children.entry(parent.clone()).or_default().push(event.event_id.clone());
            }
        }
        let depth =
            |id: &OwnedEventId, found: &HashMap<OwnedEventId, Again>| found.get(id).map_or(0, |event| event.depth);
        let mut ready: BTreeSet<(i64, OwnedEventId)> = open
            .iter()
            .filter(|(_, parents)| **parents == 0)
            .map(|(id, _)| (depth(id, &self.found), id.clone()))
            .collect();
        let mut sorted = Vec::with_capacity(self.found.len());
        while let Some((_, event_id)) = ready.pop_first() {
            for child in children.remove(&event_id).unwrap_or_default() {
                if let Some(parents) = open.get_mut(&child) {
                    *parents -= 1;
                    if *parents == 0 {
                        ready.insert((depth(&child, &self.found), child));
                    }
                }
            }
            sorted.extend(self.found.remove(&event_id));
        }
        sorted
    }
}
