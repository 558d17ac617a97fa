//! Sleeping and waking: what a laptop does is told by the app, or noticed by the clock and the network.

use std::{error::Error, sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    domain::{
        encryption::Encryption,
        federation::{Keyring, Sender},
        inbound::Inbound,
    },
    net::{
        change::{NetworkWatch, own_addresses},
        wake,
    },
    store::Store,
};

use super::{Homeserver, outside::Outside};

/// How long what is owed may take to be sent before a sleep.
const FLUSH: Duration = Duration::from_secs(2);

/// What the computer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// It is about to sleep.
    Sleep,
    /// It has woken up, or is on another network.
    Wake,
}

/// The parts that sleeping and waking concern. Cheap to clone.
#[derive(Clone)]
pub(super) struct Powered {
    pub(super) outside: Outside,
    pub(super) sender: Sender,
    pub(super) keyring: Keyring,
    pub(super) encryption: Encryption,
    pub(super) inbound: Inbound,
    pub(super) store: Store,
    /// We are back, and others may have gone on without us.
    pub(super) back: Arc<Notify>,
}

impl Homeserver {
    /// To be told when the computer goes to sleep and when it is awake again. Sleep answers within about two seconds.
    pub async fn power(&self, power: Power) {
        match power {
            Power::Sleep => self.powered.sleep().await,
            Power::Wake => self.powered.wake().await,
        }
    }
}

impl Powered {
    /// Sends what can be sent at once and nothing after it, and makes the database whole without its log.
    async fn sleep(&self) {
        self.sender.drain(FLUSH).await;
        self.sender.hold();
        if let Err(error) = self.store.checkpoint().await {
            tracing::warn!(error = &error as &dyn Error, "The database's log could not be worked off before a sleep.");
        }
    }

    /// Connections are made anew, the others are told, and what was missed is fetched behind it.
    pub(super) async fn wake(&self) {
        self.outside.wake().await;
        self.begin();
    }

    /// What a start and a waking have in common.
    pub(super) fn begin(&self) {
        self.keyring.forget_failures();
        self.sender.say_hello();
        self.back.notify_one();
    }

    /// Wakes when the clock says that the computer slept.
    pub(super) async fn watch_clock(self, clock: Clock, stop: CancellationToken) {
        while let Some(jump) = wake::woken(|| clock.now_ms(), &stop).await {
            tracing::info!(seconds = jump.as_secs(), "the computer woke up, or its clock was set");
            self.wake().await;
        }
    }

    /// Wakes when the computer is on another network.
    pub(super) async fn watch_network(self, stop: CancellationToken) {
        let mut watch = NetworkWatch::new(own_addresses);
        while watch.moved(&stop).await {
            tracing::info!("the computer is on another network");
            self.wake().await;
        }
    }

    /// Fetches what was missed each time that we are back. Who comes back again meanwhile begins again.
    pub(super) async fn catch_up(self, stop: CancellationToken) {
        let mut again = false;
        loop {
            if !std::mem::take(&mut again) {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.back.notified() => {}
                }
            }
            let fetch = async {
                let (pulled, ()) = tokio::join!(self.inbound.pull(), self.encryption.catch_up());
                if let Err(error) = pulled {
                    tracing::error!(error = &error as &dyn Error, "The rooms could not be brought up to date.");
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.back.notified() => again = true,
                () = fetch => {}
            }
        }
    }
}
