//! Sends what is owed to other servers: a task for each server that is owed something, woken by commits, ending when nothing is left.

mod destination;
mod hello;

use std::{error::Error, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore, broadcast::error::RecvError, mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    domain::notifier::{Notifier, Wake},
    store::{ServerSn, Store, StoreError},
};

use self::hello::Greetings;
use super::{
    Federation,
    bells::{Bell, Bells},
};

/// Servers that are sent a transaction at the same time.
const AT_ONCE: usize = 32;
/// How often a drain looks whether it is done.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long transactions are held back before a sleep.
const HELD: Duration = Duration::from_secs(60);

/// The federation sender. Cheap to clone; [`Sender::run`] does the work.
#[derive(Clone)]
pub struct Sender {
    federation: Federation,
    store: Store,
    clock: Clock,
    notifier: Notifier,
    hello: Arc<Notify>,
    greetings: Greetings,
    /// Places for servers that are sent a transaction just now: what is sent waits in memory.
    places: Arc<Semaphore>,
    /// Until when no transaction is begun.
    held: watch::Sender<Option<Instant>>,
}

impl Sender {
    pub fn new(federation: Federation, store: Store, clock: Clock, notifier: Notifier) -> Self {
        let (hello, places) = (Arc::default(), Arc::new(Semaphore::new(AT_ONCE)));
        let held = watch::Sender::new(None);
        Self { federation, store, clock, notifier, hello, greetings: Greetings::default(), places, held }
    }

    /// We were away (start, wake, another network): forgets waits, tells every server that shares a room with us, sends what is owed.
    pub fn say_hello(&self) {
        self.held.send_replace(None);
        self.federation.destinations.forget_waits();
        self.hello.notify_one();
    }

    /// We are about to sleep: no transaction is begun until we say hello. A sleep that does not come holds nothing up for long, as this
    /// time does not pass while the computer sleeps.
    pub fn hold(&self) {
        self.held.send_replace(Some(Instant::now() + HELD));
    }

    /// Waits while transactions are held back.
    async fn until_released(&self) {
        let mut held = self.held.subscribe();
        loop {
            let Some(until) = *held.borrow_and_update() else { return };
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                changed = held.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Waits until nothing is owed to any server that is there, for a moment at most.
    pub async fn drain(&self, patience: Duration) {
        let drained = async {
            while matches!(self.someone_waits().await, Ok(true)) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(patience, drained).await.ok();
    }

    async fn someone_waits(&self) -> Result<bool, StoreError> {
        let mut db = self.store.read().await?;
        for server in db.servers_with_outbox(self.clock.now_ms()).await? {
            if self.federation.destinations.retry_at(&db.server_name(server).await?).is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends until `stop`. A transaction that is under way then is sent again, under its own id, by the next run.
    pub async fn run(self, stop: CancellationToken) {
        let mut wakes = self.notifier.wakes();
        let sender = self.clone();
        let mut destinations = Bells::new(move |server, bell| {
            let sender = sender.clone();
            async move { sender.work(server, &bell).await }
        });
        let mut hellos = JoinSet::new();
        let (due, mut greeted) = mpsc::channel(1);
        let mut news = JoinSet::new();
        let (teller, told) = (self.clone(), due.clone());
        news.spawn(async move { teller.spread_news(told).await });
        let mut all = true;
        loop {
            if std::mem::take(&mut all) {
                match self.servers_owed().await {
                    Ok(servers) => servers.into_iter().for_each(|server| destinations.ring(server)),
                    Err(error) => tracing::error!(error = &error as &dyn Error, "The outbox could not be read."),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                wake = wakes.recv() => match wake {
                    Ok(Wake::Destination(server)) => destinations.ring(server),
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => all = true,
                    Err(RecvError::Closed) => return,
                },
                () = destinations.tend() => {}
                () = self.hello.notified() => {
                    hellos.abort_all();
                    let (sender, due) = (self.clone(), due.clone());
                    hellos.spawn(async move { sender.greet_everybody(due).await });
                    all = true;
                }
                Some(server) = greeted.recv() => destinations.ring(server),
                Some(_) = hellos.join_next() => {}
            }
        }
    }

    async fn servers_owed(&self) -> Result<Vec<ServerSn>, StoreError> {
        self.store.read().await?.servers_with_outbox(self.clock.now_ms()).await
    }

    async fn work(&self, server: ServerSn, bell: &Bell) {
        if let Err(error) = self.empty_outbox(server, bell).await {
            tracing::error!(error = &error as &dyn Error, "A server's outbox could not be worked on.");
        }
    }
}

#[cfg(test)]
mod tests;
