//! Pushers: each notification goes to the user's push gateways in order, and again until the gateway took it or it is old news.
//!
//! A task for each pusher that has something to tell, woken by commits. How far each came, and how its gateway does, is in the store.

mod counts;
mod gateway;

use std::{error::Error, sync::Arc, time::Duration};

use tokio::sync::{Semaphore, broadcast::error::RecvError};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    domain::{
        federation::bells::{Bell, Bells},
        notifier::{Notifier, Wake},
        web::Web,
    },
    store::{Durability, Notification, Position, PushCounts, PusherKey, PusherRow, Store, StoreError, UserSn},
};

/// Gateways that are asked at once.
const AT_ONCE: usize = 16;
/// What could not be told for this long is told no more.
const OLD_MS: i64 = 24 * 3600 * 1000;
/// The longest wait after a failure.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Sends to push gateways. Cheap to clone; [`Pushers::run`] does the work.
#[derive(Clone)]
pub struct Pushers {
    store: Store,
    clock: Clock,
    notifier: Notifier,
    web: Arc<dyn Web>,
    turns: Arc<Semaphore>,
}

/// What a pusher has to tell.
enum Next {
    Event(Notification),
    /// Only the counts changed.
    Counts,
    /// The counts are known for the first time, and not told.
    Remember,
    Skip(Position),
    Nothing,
}

impl Pushers {
    pub fn new(store: Store, clock: Clock, notifier: Notifier, web: Arc<dyn Web>) -> Self {
        Self { store, clock, notifier, web, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Sends until `stop`. What a gateway was being told then is told again by the next run; it knows the event's id.
    pub async fn run(self, stop: CancellationToken) {
        let mut wakes = self.notifier.wakes();
        let pushers = self.clone();
        let mut working = Bells::new(move |key, bell| {
            let pushers = pushers.clone();
            async move { pushers.work(key, &bell).await }
        });
        let mut look = Some(None);
        loop {
            if let Some(user) = look.take() {
                match self.keys(user).await {
                    Ok(keys) => keys.into_iter().for_each(|key| working.ring(key)),
                    Err(error) => tracing::error!(error = &error as &dyn Error, "The pushers could not be read."),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                wake = wakes.recv() => match wake {
                    Ok(Wake::Pushers(user)) => look = Some(Some(user)),
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => look = Some(None),
                    Err(RecvError::Closed) => return,
                },
                () = working.tend() => {}
            }
        }
    }

    async fn keys(&self, user: Option<UserSn>) -> Result<Vec<PusherKey>, StoreError> {
        self.store.read().await?.pusher_keys(user).await
    }

    async fn work(&self, key: PusherKey, bell: &Bell) {
        if let Err(error) = self.tell_all(&key, bell).await {
            tracing::error!(error = &error as &dyn Error, "A pusher could not be worked on.");
        }
    }

    /// Tells everything that there is to tell, waiting while the gateway fails.
    async fn tell_all(&self, key: &PusherKey, bell: &Bell) -> Result<(), StoreError> {
        loop {
            bell.take();
            let Some(row) = self.store.read().await?.pusher(key).await? else { return Ok(()) };
            if let Some(wait) = self.wait(&row) {
                // Changed counts and newer events do not bring it forward; a pusher that is set anew does.
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = bell.notified() => {}
                }
                continue;
            }
            let (next, counts) = self.next(key.user, &row).await?;
            match next {
                Next::Nothing => return Ok(()),
                Next::Event(notification) => self.tell(key, &row, Some(notification), counts).await?,
                Next::Counts => self.tell(key, &row, None, counts).await?,
                Next::Remember => self.told(key, row.sent_position, counts).await?,
                Next::Skip(position) => self.skip(key, position).await?,
            }
        }
    }

    /// How long the gateway is left alone yet. The wall clock may jump: it is looked at again every few seconds.
    fn wait(&self, row: &PusherRow) -> Option<Duration> {
        let left = row.retry_ts? - self.clock.now_ms();
        let left = u64::try_from(left).ok().filter(|left| *left > 0)?;
        Some(Duration::from_millis(left.min(5_000)))
    }

    /// What is to be told next, and the counts, which are read after it: they count what it tells of.
    async fn next(&self, user: UserSn, row: &PusherRow) -> Result<(Next, PushCounts), StoreError> {
        let mut db = self.store.read().await?;
        let newest = db.notification_after(user, row.sent_position).await?;
        let counts = counts::of(&mut db, user, self.clock.now_ms()).await?;
        if let Some(notification) = newest {
            let old = notification.received_ts < self.clock.now_ms() - OLD_MS;
            let marks = db.read_marks(user, notification.room).await?;
            if old || marks.is_read(&notification.thread_id, notification.position) {
                return Ok((Next::Skip(notification.position), counts));
            }
            return Ok((Next::Event(notification), counts));
        }
        let next = match row.told() {
            None => Next::Remember,
            Some(told) if told != counts => Next::Counts,
            Some(_) => Next::Nothing,
        };
        Ok((next, counts))
    }

    async fn tell(
        &self,
        key: &PusherKey,
        row: &PusherRow,
        notification: Option<Notification>,
        counts: PushCounts,
    ) -> Result<(), StoreError> {
        let position = notification.as_ref().map_or(row.sent_position, |notification| notification.position);
        let request = {
            let mut db = self.store.read().await?;
            gateway::request(&mut db, key, row, notification.as_ref(), counts).await?
        };
        let Some(request) = request else {
            // An event that was redacted meanwhile, or a pusher that cannot be read.
            return match notification {
                Some(_) => self.skip(key, position).await,
                None => self.told(key, position, counts).await,
            };
        };
        let Ok(turn) = self.turns.acquire().await else { return Ok(()) };
        let answer = gateway::send(&*self.web, request).await;
        drop(turn);
        match answer {
            Ok(rejected) if rejected.contains(&key.pushkey) => {
                tracing::info!(app_id = key.app_id, "A push gateway rejected a push key; its pusher is removed.");
                let key = key.clone();
                self.store
                    .write::<_, StoreError, _>(Durability::Full, move |tx| {
                        Box::pin(async move { tx.delete_pusher(key.user, (&key.app_id, &key.pushkey)).await })
                    })
                    .await
            }
            Ok(_) => self.told(key, position, counts).await,
            Err(reason) => {
                tracing::debug!(app_id = key.app_id, reason, "A push gateway did not take a notification.");
                let wait = backoff(row.failures, rand::Rng::random(&mut rand::rng()));
                let retry_ts = self.clock.now_ms() + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                let key = key.clone();
                self.store
                    .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                        Box::pin(async move { tx.pusher_failed(&key, retry_ts).await })
                    })
                    .await
            }
        }
    }

    async fn told(&self, key: &PusherKey, position: Position, counts: PushCounts) -> Result<(), StoreError> {
        let key = key.clone();
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.pusher_told(&key, position, counts).await })
            })
            .await
    }

    async fn skip(&self, key: &PusherKey, position: Position) -> Result<(), StoreError> {
        let key = key.clone();
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.pusher_skipped(&key, position).await })
            })
            .await
    }
}

/// How long to wait after `failures` earlier failures in a row: 1 second, doubling up to an hour; `jitter` from 0 to 1 spreads it by a fifth.
fn backoff(failures: i64, jitter: f64) -> Duration {
    let doubled = Duration::from_secs(1_u64 << failures.clamp(0, 12));
    doubled.min(LONGEST_WAIT).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::backoff;

    #[test]
    fn waits_double_up_to_an_hour_and_are_spread() {
        let seconds = [0, 1, 2, 5, 11, 12, i64::MAX].map(|failures| backoff(failures, 0.5).as_secs());
        assert_eq!(seconds, [1, 2, 4, 32, 2048, 3600, 3600]);
        assert!(backoff(5, 0.0) < backoff(5, 1.0));
    }
}
