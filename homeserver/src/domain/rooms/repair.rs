//! A room's state is brought together with what other servers have.

use ruma::{OwnedEventId, RoomId};

use crate::store::{Durability, StoreError};

use super::{
    Rooms, RoomsError,
    accept::state::{add, difference, state_of},
    consequences::{Tell, change_state},
};

impl Rooms {
    /// The room's state becomes what it and these states, of stored events, resolve to; what comes next follows from it. Answers event
    /// type and state key of what changed.
    pub async fn adopt_states(
        &self,
        room_id: &RoomId,
        told: Vec<Vec<OwnedEventId>>,
    ) -> Result<Vec<(String, String)>, RoomsError> {
        let _turn = self.locks.lock(room_id).await;
        let (room, rules) = self.known(room_id).await?;
        let mut db = self.store.read().await?;
        let now = db.current_state_map(room.sn).await?;
        let mut states = vec![now.clone()];
        for told in &told {
            add(&mut states, state_of(&mut db, room.sn, told).await?);
        }
        drop(db);
        let changes = difference(&now, &self.resolved(&room, &rules, states).await?);
        let mut changed = Vec::new();
        let mut db = self.store.read().await?;
        for key in changes.keys() {
            changed.push(db.state_key(*key).await?);
        }
        drop(db);
        if changes.is_empty() {
            return Ok(changed);
        }
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move {
                    let position = tx.next_position();
                    change_state(tx, room.sn, position, &changes, Tell::Everybody).await?;
                    let snapshot = tx.room(room.sn).await?.snapshot.ok_or(StoreError::Damaged("a room's state"))?;
                    for (end, ..) in tx.forward_extremities(room.sn).await? {
                        tx.set_state_before(end, snapshot).await?;
                    }
                    for user in tx.local_joined_members(room.sn).await? {
                        tx.wake_user(user);
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(changed)
    }
}
