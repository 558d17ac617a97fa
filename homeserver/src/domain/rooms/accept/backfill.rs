//! History that is missing: events from before we came go to the beginning of the timeline, others into the hole that they left.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ruma::{OwnedEventId, RoomId};

use crate::{
    domain::{
        events::Pdu,
        rooms::{Rooms, RoomsError, append::put, consequences},
    },
    store::{Durability, Hole, Position, PutEvent, RoomSn, Standing, StoreError, Tx},
};

impl Rooms {
    /// Stores older events that lead back from `starts`, checked against their own auth events, in a hole or before everything that we
    /// have. Answers how many were new.
    pub async fn accept_backfill(
        &self,
        room_id: &RoomId,
        events: Vec<Pdu>,
        starts: &[OwnedEventId],
        hole: Option<Hole>,
    ) -> Result<usize, RoomsError> {
        let _turn = self.locks.lock(room_id).await;
        let (room, rules) = self.known(room_id).await?;
        let events = self.leading_back(events, starts).await?;
        let checked = self.check_outliers(room_id, &rules, events).await?;
        let mut accepted: Vec<Arc<Pdu>> = checked
            .into_iter()
            .filter(|(_, standing)| *standing == Standing::Accepted)
            .map(|(event, _)| event)
            .collect();
        // The newest first: each goes before the one before it.
        accepted.sort_by_key(|event| (Reverse(event.depth), Reverse(event.origin_server_ts)));
        Ok(self
            .store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move {
                    let mut new = 0;
                    for event in accepted {
                        let stored = tx.event(&event.event_id).await?;
                        if stored
                            .is_some_and(|stored| stored.position.is_some() || stored.standing != Standing::Accepted)
                        {
                            continue;
                        }
                        let Some(position) = place(tx, room.sn, hole.as_ref()).await? else { break };
                        let PutEvent { sn, .. } =
                            put(tx, room.sn, &event, Standing::Accepted, Some(position), None).await?;
                        consequences::relate(tx, room.sn, sn, &event).await?;
                        consequences::redact(tx, room.sn, sn, &event, &rules).await?;
                        consequences::redact_at_last(tx, room.sn, &event, &rules).await?;
                        tx.remove_backward_extremity(room.sn, sn).await?;
                        for parent in &event.prev_events {
                            let known = tx.event(parent).await?;
                            if known.is_none_or(|it| it.position.is_none() && it.standing == Standing::Accepted) {
                                let parent = tx.make_event_sn(room.sn, parent).await?;
                                tx.add_backward_extremity(room.sn, parent, sn).await?;
                            }
                        }
                        new += 1;
                    }
                    if let Some(hole) = &hole {
                        tx.settle_hole(hole).await?;
                    }
                    Ok(new)
                })
            })
            .await?)
    }

    /// Those of the events that are among `starts` or come before these, as far as the timeline that we have: nothing else was asked for.
    async fn leading_back(&self, events: Vec<Pdu>, starts: &[OwnedEventId]) -> Result<Vec<Pdu>, StoreError> {
        let by_id: HashMap<&OwnedEventId, &Pdu> = events.iter().map(|event| (&event.event_id, event)).collect();
        let mut open: Vec<&OwnedEventId> = starts.iter().collect();
        let mut seen: HashSet<&OwnedEventId> = HashSet::new();
        let mut reached: HashSet<OwnedEventId> = HashSet::new();
        let mut db = self.store.read().await?;
        while let Some(event_id) = open.pop() {
            if let Some(event) = by_id.get(event_id)
                && seen.insert(event_id)
                && db.event(event_id).await?.is_none_or(|stored| stored.position.is_none())
            {
                reached.insert(event_id.clone());
                open.extend(&event.prev_events);
            }
        }
        drop(db);
        Ok(events.into_iter().filter(|event| reached.contains(&event.event_id)).collect())
    }
}

async fn place(tx: &mut Tx, room: RoomSn, hole: Option<&Hole>) -> Result<Option<Position>, StoreError> {
    match hole {
        Some(hole) => tx.position_in_hole(hole).await,
        None => Ok(Some(tx.position_before_all(room).await?)),
    }
}
