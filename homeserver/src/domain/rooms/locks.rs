//! One lock a room: its changes happen one after the other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use ruma::{OwnedRoomId, RoomId};
use tokio::sync::OwnedMutexGuard;

/// Locks by room; one that nobody holds takes no memory for long.
#[derive(Clone, Default)]
pub struct Locks(Arc<Mutex<HashMap<OwnedRoomId, Weak<tokio::sync::Mutex<()>>>>>);

impl Locks {
    /// Waits for its turn in the room.
    pub async fn lock(&self, room_id: &RoomId) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match locks.get(room_id).and_then(Weak::upgrade) {
                Some(lock) => lock,
                None => {
                    locks.retain(|_, lock| lock.strong_count() > 0);
                    let lock = Arc::new(tokio::sync::Mutex::new(()));
                    locks.insert(room_id.to_owned(), Arc::downgrade(&lock));
                    lock
                }
            }
        };
        lock.lock_owned().await
    }
}
