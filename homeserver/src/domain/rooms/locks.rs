//! One lock a room: its changes happen one after the other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use ruma::{OwnedRoomId, RoomId};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Locks by room; one that nobody holds takes no memory for long.
#[derive(Clone, Default)]
pub struct Locks(Arc<Mutex<HashMap<OwnedRoomId, Weak<RwLock<()>>>>>);

impl Locks {
    /// Waits for its turn in the room.
    pub async fn lock(&self, room_id: &RoomId) -> OwnedRwLockWriteGuard<()> {
        self.of(room_id).write_owned().await
    }

    /// The same for those who read and write the room in one transaction: the writer keeps them apart, so that many go together.
    pub async fn share(&self, room_id: &RoomId) -> OwnedRwLockReadGuard<()> {
        self.of(room_id).read_owned().await
    }

    fn of(&self, room_id: &RoomId) -> Arc<RwLock<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(room_id).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(RwLock::new(()));
        locks.insert(room_id.to_owned(), Arc::downgrade(&lock));
        lock
    }
}
