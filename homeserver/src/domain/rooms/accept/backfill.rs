//! History from before we came: events that go to the beginning of the timeline.

use std::{cmp::Reverse, sync::Arc};

use ruma::RoomId;

use crate::{
    domain::{
        events::Pdu,
        rooms::{Rooms, RoomsError, append::put, consequences},
    },
    store::{Durability, Standing, StoreError},
};

impl Rooms {
    /// Stores older events, checked against their own auth events, before everything that we have. Answers how many were new.
    pub async fn accept_backfill(&self, room_id: &RoomId, events: Vec<Pdu>) -> Result<usize, RoomsError> {
        let _turn = self.locks.lock(room_id).await;
        let (room, rules) = self.known(room_id).await?;
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
                        if stored.is_some_and(|stored| stored.position.is_some()) {
                            continue;
                        }
                        let position = tx.position_before_all(room.sn).await?;
                        let sn = put(tx, room.sn, &event, Standing::Accepted, Some(position), None).await?;
                        consequences::relate(tx, room.sn, sn, &event).await?;
                        consequences::redact(tx, room.sn, sn, &event, &rules).await?;
                        tx.remove_backward_extremity(room.sn, sn).await?;
                        for parent in &event.prev_events {
                            if tx.event(parent).await?.is_none_or(|parent| parent.position.is_none()) {
                                let parent = tx.make_event_sn(room.sn, parent).await?;
                                tx.add_backward_extremity(room.sn, parent, sn).await?;
                            }
                        }
                        new += 1;
                    }
                    Ok(new)
                })
            })
            .await?)
    }
}
