//! Sends what is owed to other servers: a task for each server that is owed something, woken by commits, ending when nothing is left.

mod destination;
mod hello;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

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

use super::Federation;

/// The federation sender. Cheap to clone; [`Sender::run`] does the work.
#[derive(Clone)]
pub struct Sender {
    federation: Federation,
    store: Store,
    clock: Clock,
    notifier: Notifier,
    hello: Arc<Notify>,
}

/// How a destination's task is told that there may be more.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    wake: Notify,
}

impl Bell {
    fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Whether it rang since this was asked last.
    fn take(&self) -> bool {
        self.rung.swap(false, Ordering::SeqCst)
    }
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
        let mut running = Running { sender: self.clone(), tasks: JoinSet::new(), bells: HashMap::new() };
        let mut hellos = JoinSet::new();
        running.ring_all().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                wake = wakes.recv() => match wake {
                    Ok(Wake::Destination(server)) => running.ring(server),
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => running.ring_all().await,
                    Err(RecvError::Closed) => return,
                },
                Some(ended) = running.tasks.join_next() => running.ended(ended.ok()),
                () = self.hello.notified() => {
                    hellos.abort_all();
                    let sender = self.clone();
                    hellos.spawn(async move { sender.tell_everybody().await });
                    running.ring_all().await;
                }
                Some(_) = hellos.join_next() => {}
            }
        }
    }
}

struct Running {
    sender: Sender,
    tasks: JoinSet<ServerSn>,
    bells: HashMap<ServerSn, Arc<Bell>>,
}

impl Running {
    fn ring(&mut self, server: ServerSn) {
        if let Some(bell) = self.bells.get(&server) {
            bell.ring();
        } else {
            let bell = Arc::new(Bell::default());
            self.bells.insert(server, Arc::clone(&bell));
            self.spawn(server, bell);
        }
    }

    async fn ring_all(&mut self) {
        match self.servers().await {
            Ok(servers) => servers.into_iter().for_each(|server| self.ring(server)),
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "The outbox could not be read."),
        }
    }

    async fn servers(&self) -> Result<Vec<ServerSn>, StoreError> {
        self.sender.store.read().await?.servers_with_outbox().await
    }

    fn spawn(&mut self, server: ServerSn, bell: Arc<Bell>) {
        let sender = self.sender.clone();
        self.tasks.spawn(async move {
            if let Err(error) = sender.empty_outbox(server, &bell).await {
                tracing::error!(error = &error as &dyn std::error::Error, "A server's outbox could not be worked on.");
            }
            server
        });
    }

    /// A task found nothing more; what came between its last look and now is looked at by a new one.
    fn ended(&mut self, server: Option<ServerSn>) {
        let Some(server) = server else {
            // A task panicked: nobody knows which, so all that have ended are forgotten and start again at the next ring.
            self.bells.retain(|_, bell| Arc::strong_count(bell) > 1);
            return;
        };
        match self.bells.remove(&server) {
            Some(bell) if bell.take() => {
                self.bells.insert(server, Arc::clone(&bell));
                self.spawn(server, bell);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
