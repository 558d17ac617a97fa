//! We speak first: every server that shares a room is sent something, an empty transaction if need be, so that none holds us for away.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::seq::SliceRandom as _;
use ruma::RoomId;
use tokio::sync::mpsc;

use crate::store::{ServerSn, StoreError};

use super::Sender;

/// Servers greeted at once.
const AT_ONCE: usize = 20;
/// Greetings to more servers than that are spread over this long.
const SPREAD: Duration = Duration::from_secs(60);

/// Rooms that went on by others are told to this many copies of this program, after a moment in which most hear of it otherwise.
const TOLD: usize = 3;
const SETTLE: Duration = Duration::from_secs(1);
/// In rooms of more servers there are enough others who tell.
const LARGE: usize = 100;

/// Why a server is to be sent something that is owed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Greeting {
    /// Rooms went on, which it may know by now.
    News,
    /// We are back.
    Hello,
}

/// Servers that are to be sent something, whether they are owed anything or not.
#[derive(Clone, Default)]
pub(super) struct Greetings(Arc<Mutex<HashMap<ServerSn, Greeting>>>);

impl Greetings {
    fn add(&self, server: ServerSn, greeting: Greeting) {
        let mut servers = self.servers();
        let due = servers.entry(server).or_insert(greeting);
        *due = greeting.max(*due);
    }

    pub(super) fn due(&self, server: ServerSn) -> Option<Greeting> {
        self.servers().get(&server).copied()
    }

    /// The server was sent something.
    pub(super) fn done(&self, server: ServerSn) {
        self.servers().remove(&server);
    }

    fn servers(&self) -> std::sync::MutexGuard<'_, HashMap<ServerSn, Greeting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender {
    /// Tells one server after the other to whoever sends.
    pub(super) async fn greet_everybody(&self, due: mpsc::Sender<ServerSn>) {
        if let Err(error) = self.greet(due).await {
            tracing::error!(error = &error as &dyn std::error::Error, "The servers in our rooms could not be read.");
        }
    }

    async fn greet(&self, due: mpsc::Sender<ServerSn>) -> Result<(), StoreError> {
        let servers = self.store.read().await?.servers_in_our_rooms().await?;
        let pause = SPREAD / u32::try_from(servers.len()).unwrap_or(u32::MAX).max(1);
        for (place, server) in servers.into_iter().enumerate() {
            if place >= AT_ONCE {
                tokio::time::sleep(pause).await;
            }
            self.greetings.add(server, Greeting::Hello);
            if due.send(server).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Tells some copies of this program when a room went on by others: they may not hear of it in any other way.
    pub(super) async fn spread_news(&self, due: mpsc::Sender<ServerSn>) {
        loop {
            let changed = self.federation.heads.next_change().await;
            tokio::time::sleep(SETTLE).await;
            for (room_id, by) in changed {
                match self.whom_to_tell(&room_id, by).await {
                    Ok(servers) => {
                        for server in servers {
                            self.greetings.add(server, Greeting::News);
                            if due.send(server).await.is_err() {
                                return;
                            }
                        }
                    }
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "A room's servers could not be read."
                        );
                    }
                }
            }
        }
    }

    async fn whom_to_tell(&self, room_id: &RoomId, by: ServerSn) -> Result<Vec<ServerSn>, StoreError> {
        let mut db = self.store.read().await?;
        let Some(room) = db.room_sn(room_id).await? else { return Ok(Vec::new()) };
        let mut joined = db.joined_servers(room).await?;
        if joined.len() > LARGE {
            return Ok(Vec::new());
        }
        joined.shuffle(&mut rand::rng());
        let mut told = Vec::new();
        for server in joined {
            let name = db.server_name(server).await?;
            let there = self.federation.destinations.retry_at(&name).is_none();
            if server != ServerSn::OURS && server != by && there && self.federation.heads.is_copy(&name, server) {
                told.push(server);
            }
        }
        told.truncate(TOLD);
        Ok(told)
    }
}
