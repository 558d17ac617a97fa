//! Sync: what a device has not seen yet, by `/v3/sync` and by simplified sliding sync (MSC4186).
//!
//! Both read the same store from a position: an answer costs what changed since then, and a wait costs nothing.

mod account_data;
mod bumps;
mod error;
mod events;
mod ignored;
mod initial;
mod listen;
mod notifications;
mod receipts;
pub mod sliding;
mod state;
mod stripped;
mod summary;
#[cfg(test)]
mod tests;
mod token;
pub mod v3;
mod window;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ruma::{OwnedDeviceId, OwnedUserId};

use crate::{
    clock::Clock,
    domain::{ephemeral::Ephemeral, notifier::Notifier, rooms::Rooms},
    store::{Durability, Position, Store, StoreError, UserSn},
};

use self::bumps::Bumps;

pub use self::{error::SyncError, initial::Initial, notifications::PastNotification, token::SyncToken, v3::Query};

/// The longest that a request may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Rooms that are read ahead together.
const ROOMS_AHEAD: usize = 100;

/// The device that asks.
#[derive(Clone, Debug)]
pub struct Viewer {
    pub user: UserSn,
    pub user_id: OwnedUserId,
    pub device_id: OwnedDeviceId,
}

/// Answers syncs. Cheap to clone.
#[derive(Clone)]
pub struct Sync {
    store: Store,
    clock: Clock,
    notifier: Notifier,
    ephemeral: Ephemeral,
    rooms: Rooms,
    bumps: Bumps,
    /// Never gives a number twice, not even after a restart: positions of sliding sync connections.
    next_pos: Arc<AtomicU64>,
}

impl Sync {
    pub fn new(store: Store, clock: Clock, notifier: Notifier, ephemeral: Ephemeral, rooms: Rooms) -> Self {
        // A thousand answers a millisecond would be needed to overtake the clock.
        let first = u64::try_from(clock.now_ms()).unwrap_or_default().saturating_mul(1000);
        Self {
            store,
            clock,
            notifier,
            ephemeral,
            rooms,
            bumps: Bumps::default(),
            next_pos: Arc::new(AtomicU64::new(first)),
        }
    }

    fn next_pos(&self) -> u64 {
        self.next_pos.fetch_add(1, Ordering::Relaxed)
    }

    /// The device told by `since` that it has everything up to there: its to-device messages up to then are forgotten.
    async fn acknowledge_to_device(&self, viewer: &Viewer, up_to: Position) -> Result<(), StoreError> {
        let waiting =
            self.store.read().await?.to_device_messages(viewer.user, &viewer.device_id, Position(0), up_to, 1).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        let viewer = viewer.clone();
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move { tx.delete_to_device(viewer.user, &viewer.device_id, up_to).await })
            })
            .await
    }
}
