//! What other servers send here and ask here: transactions, and reading the rooms that we share with them.

mod access;
mod admission;
mod edus;
mod filling;
mod hierarchy;
mod history;
mod membership;
mod missing;
mod pull;
mod repair;
mod state;
mod third_party;
mod transaction;
mod worker;

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use lru::LruCache;

use crate::{
    clock::Clock,
    store::{Durability, ServerSn, Store, StoreError},
};

use super::{
    federation::{Federation, Origin},
    notifier::Notifier,
    rooms::Rooms,
};

pub use self::{
    access::AccessError,
    edus::TakesEdus,
    hierarchy::SpaceWithChildren,
    history::Gap,
    membership::{EnteredRoom, EntryError},
    repair::Repaired,
    state::{StateEvents, StateIds},
    third_party::KeptInvite,
    transaction::{PduResults, Transaction, TransactionError},
};

/// The side of the server that other servers speak to. Cheap to clone.
#[derive(Clone)]
pub struct Inbound {
    store: Store,
    notifier: Notifier,
    federation: Federation,
    rooms: Rooms,
    edus: Arc<[Box<dyn TakesEdus>]>,
    turns: Turns,
    clock: Clock,
    heard: Arc<Mutex<LruCache<ServerSn, i64>>>,
    /// For what is fetched.
    places: missing::Places,
    filling: Arc<filling::Filling>,
}

/// Servers of which it is known when they spoke to us last.
const HEARD: NonZeroUsize = NonZeroUsize::new(1000).unwrap();
/// Whoever was silent for longer may have been away.
const SILENCE_MS: i64 = 5 * 60 * 1000;

impl Inbound {
    /// Each EDU is shown to `edus`, one after the other.
    pub fn new(
        store: Store,
        notifier: Notifier,
        federation: Federation,
        rooms: Rooms,
        edus: Vec<Box<dyn TakesEdus>>,
        clock: Clock,
    ) -> Self {
        Self {
            store,
            notifier,
            federation,
            rooms,
            edus: edus.into(),
            turns: Turns::default(),
            clock,
            heard: Arc::new(Mutex::new(LruCache::new(HEARD))),
            places: missing::Places::default(),
            filling: Arc::default(),
        }
    }

    /// What waits for other servers is tried now: this machine woke, or its network changed.
    pub async fn retry(&self) -> Result<(), StoreError> {
        self.filling.retry();
        self.store.write(Durability::Normal, |tx| Box::pin(async move { tx.retry_staged(None).await })).await
    }

    /// A server spoke. What it sent before, and what still waits for something, is tried again when it was away.
    async fn heard_from(&self, origin: &Origin) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let before = self.heard.lock().unwrap_or_else(PoisonError::into_inner).put(origin.server, now);
        if before.is_some_and(|before| (0..SILENCE_MS).contains(&now.saturating_sub(before))) {
            return Ok(());
        }
        let name = origin.server_name.clone();
        self.store
            .write(Durability::Normal, move |tx| Box::pin(async move { tx.retry_staged(Some(name.as_str())).await }))
            .await
    }
}

/// One transaction at a time from each server: one that is repeated while the first is under way waits for its answer.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<HashMap<ServerSn, Weak<tokio::sync::Mutex<()>>>>>);

impl Turns {
    async fn take(&self, server: ServerSn) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(turn) = turns.get(&server).and_then(Weak::upgrade) {
                turn
            } else {
                turns.retain(|_, turn| turn.strong_count() > 0);
                let turn = Arc::new(tokio::sync::Mutex::new(()));
                turns.insert(server, Arc::downgrade(&turn));
                turn
            }
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests;
