//! Sends what is owed to other servers: a task for each server that is owed something, woken by commits, ending when nothing is left.

mod destination;
mod hello;

use std::{error::Error, sync::Arc};

use tokio::{
    sync::{Notify, broadcast::error::RecvError},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    domain::notifier::{Notifier, Wake},
    store::{ServerSn, Store, StoreError},
};

use super::{
    Federation,
    bells::{Bell, Bells},
};

/// The federation sender. Cheap to clone; [`Sender::run`] does the work.
#[derive(Clone)]
pub struct Sender {
    federation: Federation,
    store: Store,
    clock: Clock,
    notifier: Notifier,
    hello: Arc<Notify>,
}

impl Sender {
    pub fn new(federation: Federation, store: Store, clock: Clock, notifier: Notifier) -> Self {
        Self { federation, store, clock, notifier, hello: Arc::new(Notify::new()) }
    }

    /// We were away (start, wake, another network): forgets waits, tells every server that shares a room with us, sends what is owed.
    pub fn say_hello(&self) {
        self.federation.destinations.forget_waits();
        self.hello.notify_one();
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
                    let sender = self.clone();
                    hellos.spawn(async move { sender.tell_everybody().await });
                    all = true;
                }
                Some(_) = hellos.join_next() => {}
            }
        }
    }

    async fn servers_owed(&self) -> Result<Vec<ServerSn>, StoreError> {
        self.store.read().await?.servers_with_outbox().await
    }

    async fn work(&self, server: ServerSn, bell: &Bell) {
        if let Err(error) = self.empty_outbox(server, bell).await {
            tracing::error!(error = &error as &dyn Error, "A server's outbox could not be worked on.");
        }
    }
}

#[cfg(test)]
mod tests;
