//! Wakes whoever waits: syncs by user, the federation sender by server, pushers, application services, the workers of staged
//! events, and the index of what was said.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ruma::OwnedRoomId;
use tokio::sync::{broadcast, watch};

use crate::store::{Committed, Position, ServerSn, UserSn};

/// Hears of every commit and wakes those it concerns. Cheap to clone.
#[derive(Clone)]
pub struct Notifier(Arc<Inner>);

struct Inner {
    users: Mutex<HashMap<UserSn, watch::Sender<Position>>>,
    commits: broadcast::Sender<Wake>,
    appservices: watch::Sender<Position>,
    texts: watch::Sender<Position>,
}

/// Work for one of the server's own tasks.
#[derive(Clone, Debug)]
pub enum Wake {
    /// The outbox of this server has something.
    Destination(ServerSn),
    /// The room has staged events.
    Staging(OwnedRoomId),
    /// The user's pushers have something to tell.
    Pushers(UserSn),
}

impl Default for Notifier {
    fn default() -> Self {
        // A task that lags behind this many looks at everything once; see `Wake` receivers.
        let (commits, _) = broadcast::channel(4096);
        let (appservices, _) = watch::channel(Position(0));
        let (texts, _) = watch::channel(Position(0));
        Self(Arc::new(Inner { users: Mutex::default(), commits, appservices, texts }))
    }
}

impl Notifier {
    /// To be called after every commit.
    pub fn committed(&self, commit: &Committed) {
        {
            let mut users = self.0.users.lock().unwrap_or_else(PoisonError::into_inner);
            for user in &commit.users {
                if let Some(sender) = users.get(user)
                    && sender.send(commit.position).is_err()
                {
                    users.remove(user);
                }
            }
        }
        // What anybody's sync shows may concern a service too: its users' rooms, messages to their devices.
        if commit.appservices || !commit.users.is_empty() {
            self.0.appservices.send_replace(commit.position);
        }
        if commit.texts {
            self.0.texts.send_replace(commit.position);
        }
        // No task listens before the server has started and after it has stopped.
        for destination in &commit.destinations {
            self.0.commits.send(Wake::Destination(*destination)).ok();
        }
        for room_id in &commit.staged_rooms {
            if let Ok(room_id) = OwnedRoomId::try_from(room_id.as_str()) {
                self.0.commits.send(Wake::Staging(room_id)).ok();
            }
        }
        for user in &commit.pushers {
            self.0.commits.send(Wake::Pushers(*user)).ok();
        }
    }

    /// Changes whenever something new is committed for `user`. Take it before reading, so that nothing slips between.
    pub fn watch_user(&self, user: UserSn) -> watch::Receiver<Position> {
        let mut users = self.0.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.entry(user).or_insert_with(|| watch::channel(Position(0)).0).subscribe()
    }

    /// Changes whenever application services may be owed something. Take it before reading, so that nothing slips between.
    pub fn watch_appservices(&self) -> watch::Receiver<Position> {
        self.0.appservices.subscribe()
    }

    /// Changes whenever something was said that is to be indexed. Take it before reading, so that nothing slips between.
    pub fn watch_texts(&self) -> watch::Receiver<Position> {
        self.0.texts.subscribe()
    }

    /// Work for the server's own tasks. `Lagged` means: look at everything.
    pub fn wakes(&self) -> broadcast::Receiver<Wake> {
        self.0.commits.subscribe()
    }
}
