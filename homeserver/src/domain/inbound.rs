//! What other servers send here and ask here: transactions, and reading the rooms that we share with them.

mod access;
mod edus;
mod hierarchy;
mod history;
mod membership;
mod missing;
mod state;
mod transaction;
mod worker;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::store::{ServerSn, Store};

use super::{federation::Federation, notifier::Notifier, rooms::Rooms};

pub use self::{
    access::AccessError,
    edus::TakesEdus,
    hierarchy::SpaceWithChildren,
    history::Gap,
    membership::{EnteredRoom, EntryError},
    state::{StateEvents, StateIds},
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
}

impl Inbound {
    /// Each EDU is shown to `edus`, one after the other.
    pub fn new(
        store: Store,
        notifier: Notifier,
        federation: Federation,
        rooms: Rooms,
        edus: Vec<Box<dyn TakesEdus>>,
    ) -> Self {
        Self { store, notifier, federation, rooms, edus: edus.into(), turns: Turns::default() }
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
