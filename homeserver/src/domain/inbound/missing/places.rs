//! What is fetched for events lies in memory until it is checked: places for it, of which no server holds too many.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use ruma::{OwnedServerName, ServerName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{domain::federation::Deadline, store::StoreError};

/// MiB that all answers together, and those of one server, may take.
const ALL: u32 = 320;
const OF_ONE: u32 = 64;

/// The places. Cheap to clone.
#[derive(Clone)]
pub(in crate::domain::inbound) struct Places {
    all: Arc<Semaphore>,
    servers: Arc<Mutex<HashMap<OwnedServerName, Weak<Semaphore>>>>,
}

/// Held until an answer was dealt with.
pub(super) struct Place {
    _of_one: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Places {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL as usize)), servers: Arc::default() }
    }
}

impl Places {
    /// Waits until an answer of this server has room.
    pub(super) async fn take(&self, server: &ServerName, deadline: Deadline) -> Result<Place, StoreError> {
        let bytes = deadline.limits().body.div_ceil(1 << 20);
        let mib = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, OF_ONE);
        let closed = |_| StoreError::Closed;
        // First its own: who waits here keeps nobody else waiting.
        let of_one = self.of(server).acquire_many_owned(mib).await.map_err(closed)?;
        let of_all = Arc::clone(&self.all).acquire_many_owned(mib).await.map_err(closed)?;
        Ok(Place { _of_one: of_one, _of_all: of_all })
    }

    fn of(&self, server: &ServerName) -> Arc<Semaphore> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = servers.get(server).and_then(Weak::upgrade) {
            return known;
        }
        servers.retain(|_, places| places.strong_count() > 0);
        let new = Arc::new(Semaphore::new(OF_ONE as usize));
        servers.insert(server.to_owned(), Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use ruma::server_name;

    use super::Places;
    use crate::domain::federation::Deadline;

    #[tokio::test]
    async fn one_server_waits_for_itself_and_not_others_for_it() {
        let places = Places::default();
        let (evil, honest) = (server_name!("evil.example"), server_name!("honest.example"));
        let large = places.take(evil, Deadline::State).await.unwrap();
        assert!(places.take(evil, Deadline::Events).now_or_never().is_none(), "it has all that one may have");
        let mut others = Vec::new();
        for _ in 0..8 {
            others.push(places.take(honest, Deadline::Events).now_or_never().unwrap().unwrap());
        }
        assert!(places.take(honest, Deadline::Events).now_or_never().is_none());
        drop(large);
        assert!(places.take(evil, Deadline::Events).now_or_never().is_some());
        for n in 0..8 {
            let name = ruma::ServerName::parse(format!("server{n}.example")).unwrap();
            let taken = places.take(&name, Deadline::State).now_or_never();
            // What all of them take together is bounded too.
            assert_eq!(taken.is_some(), n < 4, "{n}");
            others.push(match taken {
                Some(taken) => taken.unwrap(),
                None => break,
            });
        }
    }
}
