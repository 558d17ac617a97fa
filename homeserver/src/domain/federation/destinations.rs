//! Which servers are away, as all requests to them share it. A start, like a waking, begins with trying them all.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;
use ruma::{OwnedServerName, ServerName};

use crate::{
    clock::Clock,
    store::{Durability, ServerSn, Store, StoreError},
};

use super::backoff::Schedule;

/// Servers more than this are not remembered as away; they are tried a little too often then.
const REMEMBERED: usize = 10_000;

/// The backoff of every server. Cheap to clone.
#[derive(Clone)]
pub struct Destinations(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    away: Mutex<HashMap<OwnedServerName, Away>>,
    signs: Mutex<Signs>,
}

/// When servers last spoke to us, in the order of their speaking.
struct Signs {
    count: u64,
    last: LruCache<OwnedServerName, u64>,
}

/// The moment at which a request was begun: see [`Destinations::failed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Begun(u64);

#[derive(Clone, Copy, Debug)]
struct Away {
    failures: u32,
    retry_ts: i64,
}

impl Destinations {
    pub fn new(store: Store, clock: Clock) -> Self {
        let size = NonZeroUsize::new(REMEMBERED).unwrap_or(NonZeroUsize::MIN);
        let signs = Mutex::new(Signs { count: 0, last: LruCache::new(size) });
        Self(Arc::new(Inner { store, clock, away: Mutex::default(), signs }))
    }

    /// When the server may be tried again (milliseconds since 1970); `None`: now.
    pub fn retry_at(&self, server: &ServerName) -> Option<i64> {
        let away = self.away().get(server).copied()?;
        Schedule::of(server).is_waiting(away.retry_ts, self.0.clock.now_ms()).then_some(away.retry_ts)
    }

    /// To be taken before a request is sent.
    pub fn begin(&self) -> Begun {
        Begun(self.signs().count)
    }

    /// The server answered us, or spoke to us and signed it.
    pub async fn heard_from(&self, server: &ServerName, sn: ServerSn) -> Result<(), StoreError> {
        {
            let mut signs = self.signs();
            signs.count += 1;
            let count = signs.count;
            signs.last.put(server.to_owned(), count);
        }
        let was_away = self.away().remove(server).is_some();
        if was_away {
            self.0
                .store
                .write(Durability::Normal, move |tx| {
                    Box::pin(async move {
                        tx.destination_succeeded(sn).await?;
                        // What waited for its return goes now.
                        tx.wake_destination(sn);
                        Ok::<_, StoreError>(())
                    })
                })
                .await?;
        }
        Ok(())
    }

    /// The server answered a request of ours.
    pub async fn succeeded(&self, server: &ServerName) -> Result<(), StoreError> {
        if !self.away().contains_key(server) {
            return Ok(());
        }
        match self.0.store.read().await?.server_sn(server).await? {
            Some(sn) => self.heard_from(server, sn).await,
            None => {
                self.away().remove(server);
                Ok(())
            }
        }
    }

    /// The server failed; answers when it may be tried again. A server that spoke to us after the request was begun is there: it came
    /// back while the request waited for its former self, and is tried again at once.
    pub fn failed(&self, server: &ServerName, begun: Begun) -> i64 {
        let now = self.0.clock.now_ms();
        if self.signs().last.peek(server).is_some_and(|sign| *sign > begun.0) {
            return now;
        }
        let mut away = self.away();
        let known = away.get(server).copied().unwrap_or(Away { failures: 0, retry_ts: 0 });
        if Schedule::of(server).is_waiting(known.retry_ts, now) {
            // Several requests that were under way together count as one failure.
            return known.retry_ts;
        }
        let failures = known.failures.saturating_add(1);
        let wait = Schedule::of(server).wait(failures, spread());
        let retry_ts = now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        if away.len() < REMEMBERED || away.contains_key(server) {
            away.insert(server.to_owned(), Away { failures, retry_ts });
        }
        retry_ts
    }

    /// Our own network was away or has changed: what failed then says nothing now.
    pub fn forget_waits(&self) {
        self.away().clear();
    }

    fn signs(&self) -> std::sync::MutexGuard<'_, Signs> {
        self.0.signs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn away(&self) -> std::sync::MutexGuard<'_, HashMap<OwnedServerName, Away>> {
        self.0.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From 0 to 1, so that those who failed together do not come back together.
fn spread() -> f64 {
    rand::Rng::random(&mut rand::rng())
}

#[cfg(test)]
mod tests;
