//! Rooms that were joined without their members (`omit_members`): who waits for these, and what happens when they are here.
//!
//! Until then nothing is said that may be wrong: counts are left out, lists of members wait, and whoever speaks is known by the member
//! event that their own event rests on. Then what was judged meanwhile is judged again.

mod arrivals;

use std::collections::{BTreeMap, HashMap, HashSet};

use ruma::{OwnedEventId, room_version_rules::RoomVersionRules};

use crate::{
    domain::{encryption, events::Pdu},
    store::{
        Db, Durability, EdgeKind, EventSn, KeySn, PartialRoom, RoomRow, RoomSn, ServerSn, SnapshotSn, Standing,
        StateMap, StoreError, StoredEvent, Tx,
    },
};

use super::{
    Rooms, RoomsError,
    accept::{
        checks::{self, Verdict},
        state::{add, difference, parents_with_state, state_of, states_after},
    },
    consequences::{Tell, change_state},
};

pub use self::arrivals::Arriving;
pub(super) use self::arrivals::{Arrivals, Omitted};

/// Pieces of state written in one transaction: others write between.
const AT_ONCE: usize = 500;

impl Rooms {
    /// The member events that an event rests on say who its sender is, where the state that we have does not.
    pub(super) async fn add_claimed(&self, event: &Pdu, state: &mut StateMap) -> Result<(), StoreError> {
        let mut db = self.store.read().await?;
        for event_id in &event.auth_events {
            if let Some(stored) = db.event(event_id).await?
                && stored.standing == Standing::Accepted
                && let Some(key) = stored.key
                && !state.contains_key(&key)
                && db.state_key(key).await?.0 == "m.room.member"
            {
                state.insert(key, stored.sn);
            }
        }
        Ok(())
    }

    /// The members are here: `told`, stored events, are the whole state before our join. What was judged meanwhile is judged again, and
    /// the room's state becomes what follows. Refuses a state that does not allow our join.
    pub async fn complete(&self, room: RoomSn, told: &[OwnedEventId]) -> Result<(), RoomsError> {
        let room_id = self.store.read().await?.room_id(room).await?;
        let _turn = self.locks.lock(&room_id).await;
        let (room, rules) = self.known(&room_id).await?;
        let Some(partial) = self.store.read().await?.partial_room(room.sn).await? else { return Ok(()) };
        if !self.store.read().await?.server_is_joined(room.sn, ServerSn::OURS).await? {
            return Ok(self.end_arrival(room.sn).await?);
        }
        let join = self.event_of(partial.join).await?;
        let before = self.whole_before(&room, &rules, &join, told).await?;
        let parsed = self.parsed(&join, &room.room_id)?;
        if let Err(reason) = self.allowed_by(&room, &rules, &parsed, &before).await? {
            return Err(RoomsError::BadEvent(format!("In the state that was told, our join is not allowed: {reason}")));
        }
        let sn = room.sn;
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let snapshot = tx.put_state(sn, &before).await?;
                    tx.set_state_before(join.sn, snapshot).await
                })
            })
            .await?;
        self.judge_again(&room, &rules, &partial).await?;
        self.bring_in(&room, &rules).await?;
        Ok(self.end_arrival(room.sn).await?)
    }

    /// What one server told when we entered and what was told now, as one state.
    async fn whole_before(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        join: &StoredEvent,
        told: &[OwnedEventId],
    ) -> Result<StateMap, RoomsError> {
        let mut db = self.store.read().await?;
        let whole = state_of(&mut db, room.sn, told).await?;
        let known = match join.snapshot {
            Some(snapshot) => db.state(snapshot).await?,
            None => StateMap::new(),
        };
        drop(db);
        if known.keys().any(|key| !whole.contains_key(key)) {
            return Err(RoomsError::BadEvent("The state that was told lacks what was told when we came".to_owned()));
        }
        let mut other = whole.clone();
        other.extend(known);
        let mut states = vec![whole];
        add(&mut states, other);
        Ok(self.resolved(room, rules, states).await?)
    }

    /// Finds the state before each event that came meanwhile anew, parents before children; one that it does not allow is taken back.
    async fn judge_again(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        partial: &PartialRoom,
    ) -> Result<(), RoomsError> {
        let mut db = self.store.read().await?;
        let mut events = db.partial_events(room.sn).await?;
        events.retain(|(event, _)| *event != partial.join);
        let order = parents_first(&mut db, events).await?;
        drop(db);
        for (event, standing) in order {
            let stored = self.event_of(event).await?;
            let parsed = self.parsed(&stored, &room.room_id)?;
            let snapshot = self.found_again(room, rules, partial, &stored, &parsed).await?;
            let verdict = self.passes(room, rules, &parsed, snapshot).await?;
            let taken_back = standing != Standing::Rejected && verdict.is_err();
            // What others hold to be good is good here too. It was not shown, and is not now.
            let taken_after_all = standing == Standing::Rejected && verdict.is_ok();
            let sn = room.sn;
            self.store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(async move {
                        tx.set_state_before(event, snapshot).await?;
                        if taken_back {
                            tx.reject_again(sn, event).await?;
                        }
                        if taken_after_all {
                            tx.set_standing(event, Standing::SoftFailed).await?;
                        }
                        Ok(())
                    })
                })
                .await?;
            self.cache.forget(&stored.event_id);
            if let Err(reason) = verdict.as_ref().map_err(|reason| reason.as_str())
                && taken_back
            {
                tracing::info!(room_id = %room.room_id, event_id = %stored.event_id, reason, "With all members known, an event is not allowed.");
            }
        }
        Ok(())
    }

    /// The checks that decide whether an event is rejected.
    async fn passes(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: &Pdu,
        before: SnapshotSn,
    ) -> Result<Verdict, RoomsError> {
        let mut db = self.store.read().await?;
        let (mut auth, missing) = self.load_events(&mut db, &room.room_id, &event.auth_events).await?;
        drop(db);
        if !missing.is_empty() {
            return Ok(Err("what it rests on is not here".to_owned()));
        }
        if rules.authorization.room_create_event_id_as_room_id {
            self.add_create(&room.room_id, &BTreeMap::new(), &mut auth).await?;
        }
        match checks::auth_events::check(rules, event, &auth) {
            Ok(()) => self.allowed_at(room, rules, event, before).await,
            refused => Ok(refused),
        }
    }

    /// The state before an event, now that the one before our join is whole.
    async fn found_again(
        &self,
        room: &RoomRow,
        rules: &RoomVersionRules,
        partial: &PartialRoom,
        stored: &StoredEvent,
        event: &Pdu,
    ) -> Result<SnapshotSn, RoomsError> {
        let mut db = self.store.read().await?;
        let (parents, missing) = parents_with_state(&mut db, &event.prev_events).await?;
        if missing.is_empty()
            && let [parent] = parents.as_slice()
            && let Some(before) = parent.snapshot
        {
            drop(db);
            let own = parent.key.filter(|_| parent.standing != Standing::Rejected).map(|key| (key, Some(parent.sn)));
            let (sn, changes) = (room.sn, BTreeMap::from_iter(own));
            return Ok(self
                .store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(async move { tx.state_with(sn, Some(before), &changes).await })
                })
                .await?);
        }
        let mut states = states_after(&mut db, &parents).await?;
        if !missing.is_empty() {
            // A state was told then. Of members who are missing in it, what was before our join is known.
            let mut told = match db.event_by_sn(partial.join).await?.and_then(|join| join.snapshot) {
                Some(snapshot) => db.state(snapshot).await?,
                None => StateMap::new(),
            };
            if let Some(then) = stored.snapshot {
                told.extend(db.state(then).await?);
            }
            add(&mut states, told);
        }
        drop(db);
        let state = self.resolved(room, rules, states).await?;
        let (sn, near) = (room.sn, parents.iter().find_map(|parent| parent.snapshot));
        Ok(self
            .store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { put_near(tx, sn, near, &state).await })
            })
            .await?)
    }

    /// The room's state becomes what its ends resolve to, a part at a time.
    async fn bring_in(&self, room: &RoomRow, rules: &RoomVersionRules) -> Result<(), RoomsError> {
        let mut db = self.store.read().await?;
        let mut ends = Vec::new();
        for (end, ..) in db.forward_extremities(room.sn).await? {
            ends.extend(db.event_by_sn(end).await?);
        }
        let states = states_after(&mut db, &ends).await?;
        let now = db.current_state_map(room.sn).await?;
        drop(db);
        let whole = self.resolved(room, rules, states).await?;
        let changes: Vec<(KeySn, Option<EventSn>)> = difference(&now, &whole).into_iter().collect();
        let all = whole.len();
        for (part, changes) in changes.chunks(AT_ONCE).enumerate() {
            self.arrivals.progress(room, now.len().saturating_add(part * AT_ONCE).min(all), all);
            let (sn, changes): (_, BTreeMap<_, _>) = (room.sn, changes.iter().copied().collect());
            self.store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(async move {
                        let position = tx.next_position();
                        change_state(tx, sn, position, &changes, Tell::LocalOnly).await
                    })
                })
                .await?;
        }
        Ok(())
    }

    /// The room is whole: its counts may be told, and its members' devices are followed.
    pub(in crate::domain) async fn end_arrival(&self, room: RoomSn) -> Result<(), StoreError> {
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move {
                    tx.end_partial(room).await?;
                    let position = tx.next_position();
                    for user in tx.local_joined_members(room).await? {
                        // Their own membership is told once more, and the counts that were left out with it.
                        let user_id = tx.user_id(user).await?;
                        let member = tx.current_state_event(room, "m.room.member", user_id.as_str()).await?;
                        if let Some((key, event)) = member.and_then(|member| Some((member.key?, member.sn))) {
                            tx.change_current_state(room, position, key, Some(event)).await?;
                        }
                        encryption::joined(tx, room, user).await?;
                        tx.wake_user(user);
                    }
                    Ok(())
                })
            })
            .await?;
        self.arrivals.over(room);
        Ok(())
    }

    async fn event_of(&self, event: EventSn) -> Result<StoredEvent, StoreError> {
        self.store.read().await?.event_by_sn(event).await?.ok_or(StoreError::Damaged("an event of a partial state"))
    }
}

async fn put_near(
    tx: &mut Tx,
    room: RoomSn,
    near: Option<SnapshotSn>,
    state: &StateMap,
) -> Result<SnapshotSn, StoreError> {
    match near {
        Some(near) => {
            let changes = difference(&tx.state(near).await?, state);
            tx.state_with(room, Some(near), &changes).await
        }
        None => tx.put_state(room, state).await,
    }
}

/// The events, each after those of them that are its parents.
async fn parents_first(db: &mut Db, events: Vec<(EventSn, Standing)>) -> Result<Vec<(EventSn, Standing)>, StoreError> {
    let standings: HashMap<EventSn, Standing> = events.iter().copied().collect();
    let mut done: HashSet<EventSn> = HashSet::new();
    let mut order = Vec::with_capacity(events.len());
    for (start, _) in events {
        let mut path = vec![(start, false)];
        while let Some((event, parents_done)) = path.pop() {
            if parents_done {
                order.extend(standings.get(&event).map(|standing| (event, *standing)));
            } else if done.insert(event) {
                path.push((event, true));
                for parent in db.parents(event, EdgeKind::Prev).await? {
                    if standings.contains_key(&parent) && !done.contains(&parent) {
                        path.push((parent, false));
                    }
                }
            }
        }
    }
    Ok(order)
}
