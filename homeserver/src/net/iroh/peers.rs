//! The connection in use for each peer, and one dial at a time.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use iroh::endpoint::Connection;
use lru::LruCache;

const PEERS_MAX: usize = 2048;

/// All peers with a connection, bounded.
pub(super) struct Peers(Mutex<LruCache<[u8; 32], Arc<Slot>>>);

/// One peer.
#[derive(Default)]
pub(super) struct Slot {
    connection: Mutex<Option<Connection>>,
    dialling: tokio::sync::Mutex<()>,
}

impl Default for Peers {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(PEERS_MAX).unwrap_or(NonZeroUsize::MIN))))
    }
}

impl Peers {
    pub(super) fn slot(&self, key: [u8; 32]) -> Arc<Slot> {
        self.lock().get_or_insert(key, Arc::default).clone()
    }

    /// Stops using this connection for the peer, unless another has taken its place.
    pub(super) fn forget(&self, key: [u8; 32], connection: &Connection) {
        if let Some(slot) = self.lock().peek(&key) {
            let mut current = slot.lock();
            if current.as_ref().is_some_and(|current| current.stable_id() == connection.stable_id()) {
                *current = None;
            }
        }
    }

    pub(super) fn clear(&self) {
        for (_, slot) in self.lock().iter() {
            if let Some(connection) = slot.lock().take() {
                connection.close(0u32.into(), b"woken");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<[u8; 32], Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The connection, if it is open as far as we know.
    pub(super) fn current(&self) -> Option<Connection> {
        self.lock().as_ref().filter(|connection| connection.close_reason().is_none()).cloned()
    }

    /// The newest connection wins; an older one ends by its own idleness.
    pub(super) fn adopt(&self, connection: Connection) {
        *self.lock() = Some(connection);
    }

    pub(super) async fn dialling(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.dialling.lock().await
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
