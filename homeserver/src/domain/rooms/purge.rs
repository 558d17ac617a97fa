//! Deleting rooms and old history, as administrators want it: it runs beside their request, and its status can be asked for.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;
use ruma::{OwnedRoomId, RoomId, server_name};
use serde::Serialize;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    domain::accounts::random_token,
    store::{Db, Durability, Position, RoomRow, RoomSn, StoreError},
};

use super::{Rooms, RoomsError, send::LocalUser};

/// Purges whose status is remembered; the oldest are forgotten first.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);

/// Rows that go in one write.
const PART: usize = 200;

/// How a room shall go.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Nobody of this server may enter it again.
    pub block: bool,
    /// Everything of it leaves the database.
    pub purge: bool,
    /// Even when a local user could not leave.
    pub force: bool,
    /// The administrator's user id; `None`: the owner.
    pub by: Option<String>,
    /// Told to those who leave.
    pub reason: Option<String>,
}

/// Which history shall go.
#[derive(Clone, Copy, Debug)]
pub struct HistoryPurge {
    /// Everything older.
    pub before: Position,
    /// What local users said as well.
    pub local: bool,
}

/// How far a purge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PurgeStatus {
    ShuttingDown,
    Purging,
    Complete,
    Failed,
}

/// Who left when a room was shut down.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Shutdown {
    pub kicked_users: Vec<String>,
    pub failed_to_kick_users: Vec<String>,
    pub local_aliases: Vec<String>,
    pub new_room_id: Option<OwnedRoomId>,
}

/// A purge, running or over.
#[derive(Clone, Debug)]
pub struct Purge {
    pub id: String,
    pub room_id: OwnedRoomId,
    /// A whole room goes, not history alone.
    pub whole: bool,
    pub status: PurgeStatus,
    /// Why it failed.
    pub error: Option<String>,
    pub shutdown: Shutdown,
}

/// The purges of this run of the program.
#[derive(Clone)]
pub struct Purges {
    known: Arc<Mutex<LruCache<String, Purge>>>,
    /// Rooms that nobody enters while they are deleted; a block that outlives the program is the database's.
    closed: Arc<Mutex<HashSet<OwnedRoomId>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Default for Purges {
    fn default() -> Self {
        Self {
            known: Arc::new(Mutex::new(LruCache::new(REMEMBERED))),
            closed: Arc::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }
}

impl Rooms {
    /// Begins to delete a room, and answers the id by which its status is known.
    pub async fn delete_room(&self, room_id: &RoomId, deletion: Deletion) -> Result<String, RoomsError> {
        let room = self.store.read().await?.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        let id = self.purges.begin(room_id, true);
        let (rooms, purge) = (self.clone(), id.clone());
        self.purges.tasks.spawn(async move {
            let ended = rooms.run_deletion(&purge, room, deletion).await;
            rooms.purges.end(&purge, ended);
        });
        Ok(id)
    }

    /// Begins to delete old history of a room.
    pub async fn purge_history(&self, room_id: &RoomId, purge: HistoryPurge) -> Result<String, RoomsError> {
        let room = self.store.read().await?.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        let id = self.purges.begin(room_id, false);
        let (rooms, purge_id) = (self.clone(), id.clone());
        self.purges.tasks.spawn(async move {
            let ended = rooms.run_history_purge(&room, purge).await;
            rooms.cache.clear();
            rooms.purges.end(&purge_id, ended);
        });
        Ok(id)
    }

    /// What is known of a purge.
    pub fn purge(&self, id: &str) -> Option<Purge> {
        self.purges.known.lock().unwrap_or_else(PoisonError::into_inner).peek(id).cloned()
    }

    /// Deletions of a room, the newest first.
    pub fn deletions(&self, room_id: &RoomId) -> Vec<Purge> {
        let known = self.purges.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(_, purge)| purge).filter(|purge| purge.whole && purge.room_id == room_id).cloned().collect()
    }

    /// Blocks a room, known or not, or lets people in again.
    pub async fn set_blocked(&self, room_id: &RoomId, blocked: bool, by: Option<String>) -> Result<(), RoomsError> {
        let room_id = room_id.to_owned();
        self.store
            .write(Durability::Full, move |tx| {
                Box::pin(async move {
                    if blocked {
                        tx.block_room(room_id.as_str(), by.as_deref()).await?;
                    } else {
                        tx.unblock_room(room_id.as_str()).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Returns when no purge is under way any more; the rest of a room's goes on when the program starts again.
    pub async fn purges_ended(&self) {
        self.purges.stop.cancel();
        self.purges.tasks.close();
        self.purges.tasks.wait().await;
    }

    /// Goes on with purges of rooms that a stop of the program interrupted.
    pub async fn resume_purges(&self) -> Result<(), StoreError> {
        for (room, room_id) in self.store.read().await?.purging_rooms().await? {
            let rooms = self.clone();
            self.purges.tasks.spawn(async move {
                tracing::info!(room_id, "The purge of a room goes on.");
                if let Err(error) = rooms.purge_rest(room).await {
                    tracing::error!(room_id, error = &error as &dyn std::error::Error, "A purge failed.");
                }
            });
        }
        Ok(())
    }

    /// Refuses what enters a blocked room.
    pub(super) async fn check_blocked(&self, room_id: &RoomId) -> Result<(), RoomsError> {
        let mut db = self.store.read().await?;
        self.check_blocked_in(&mut db, room_id).await
    }

    pub(super) async fn check_blocked_in(&self, db: &mut Db, room_id: &RoomId) -> Result<(), RoomsError> {
        let closed = self.purges.closed.lock().unwrap_or_else(PoisonError::into_inner).contains(room_id);
        if closed || db.is_blocked(room_id.as_str()).await? { Err(RoomsError::Blocked) } else { Ok(()) }
    }

    async fn run_deletion(&self, id: &str, room: RoomRow, deletion: Deletion) -> Result<(), RoomsError> {
        if deletion.block {
            self.set_blocked(&room.room_id, true, deletion.by.clone()).await?;
        }
        // Nobody comes in while others are being led out.
        let closed = || self.purges.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed().insert(room.room_id.clone());
        let ended = self.shut_down_and_purge(id, &room, &deletion).await;
        closed().remove(&room.room_id);
        ended
    }

    async fn shut_down_and_purge(&self, id: &str, room: &RoomRow, deletion: &Deletion) -> Result<(), RoomsError> {
        let (users, aliases) = {
            let mut db = self.store.read().await?;
            (db.local_users_of(room.sn).await?, db.aliases(room.sn).await?)
        };
        let mut shutdown =
            Shutdown { local_aliases: aliases.iter().map(ToString::to_string).collect(), ..Shutdown::default() };
        for (user, name) in users {
            let user_id = name.as_str().try_into().map_err(|_| StoreError::Damaged("a user id"))?;
            let user = LocalUser { user, user_id, device_id: "ADMIN".into() };
            match self.leave(&user, &room.room_id, deletion.reason.clone()).await {
                Ok(()) => shutdown.kicked_users.push(name),
                Err(error) => {
                    tracing::warn!(room_id = %room.room_id, %error, "A user could not leave a room that is deleted.");
                    shutdown.failed_to_kick_users.push(name);
                }
            }
        }
        shutdown.kicked_users.sort();
        let stuck = !shutdown.failed_to_kick_users.is_empty();
        self.purges.change(id, |purge| {
            purge.shutdown = shutdown;
            purge.status = PurgeStatus::Purging;
        });
        let room_sn = room.sn;
        if !deletion.purge {
            return self
                .store
                .write(Durability::Full, move |tx| {
                    Box::pin(async move {
                        for alias in aliases {
                            tx.remove_alias(&alias).await?;
                        }
                        tx.set_published(room_sn, false).await?;
                        Ok(())
                    })
                })
                .await;
        }
        if stuck && !deletion.force {
            return Err(RoomsError::InvalidState(
                "Some users could not leave; force_purge deletes it nonetheless".to_owned(),
            ));
        }
        let _entering = self.entering.lock(&room.room_id).await;
        let _turn = self.locks.lock(&room.room_id).await;
        // An id that nobody can name, since no server has this name.
        let nowhere = RoomId::new_v1(server_name!("purged.invalid"));
        let begun = self
            .store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move { tx.begin_purge(room_sn, &nowhere).await })
            })
            .await?;
        self.cache.clear();
        if begun { self.purge_rest(room_sn).await } else { Ok(()) }
    }

    /// Takes what nobody can see any more out of the database, a little at a time, so that others' writes come in between.
    async fn purge_rest(&self, room: RoomSn) -> Result<(), RoomsError> {
        let events = self.store.read().await?.all_events(room).await?;
        for part in events.chunks(PART) {
            self.purges.go_on()?;
            let part = part.to_vec();
            self.store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(async move { tx.purge_events(&part).await })
                })
                .await?;
        }
        let more = async || {
            let write = self.store.write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.purge_rows(room, PART).await })
            });
            write.await
        };
        while more().await? {
            self.purges.go_on()?;
        }
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| Box::pin(async move { tx.end_purge(room).await }))
            .await?;
        Ok(())
    }

    /// Each part leaves a history that fits together; the newest goes first.
    async fn run_history_purge(&self, room: &RoomRow, purge: HistoryPurge) -> Result<(), RoomsError> {
        let (sn, most) = (room.sn, i64::try_from(PART).unwrap_or(i64::MAX));
        for redactions in [false, true] {
            let mut before = Some(purge.before);
            while let Some(from) = before {
                self.purges.go_on()?;
                let _turn = self.locks.lock(&room.room_id).await;
                before = self
                    .store
                    .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                        Box::pin(async move { tx.purge_history(sn, from, (purge.local, redactions), most).await })
                    })
                    .await?;
            }
        }
        Ok(())
    }
}

impl Purges {
    /// Refuses to go on when the program ends.
    fn go_on(&self) -> Result<(), RoomsError> {
        if self.stop.is_cancelled() {
            return Err(RoomsError::InvalidState("The server was stopped".to_owned()));
        }
        Ok(())
    }

    fn begin(&self, room_id: &RoomId, whole: bool) -> String {
        let id = random_token(&mut rand::rng());
        let status = if whole { PurgeStatus::ShuttingDown } else { PurgeStatus::Purging };
        let room_id = room_id.to_owned();
        let purge = Purge { id: id.clone(), room_id, whole, status, error: None, shutdown: Shutdown::default() };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).put(id.clone(), purge);
        id
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Purge)) {
        if let Some(purge) = self.known.lock().unwrap_or_else(PoisonError::into_inner).peek_mut(id) {
            change(purge);
        }
    }

    fn end(&self, id: &str, ended: Result<(), RoomsError>) {
        self.change(id, |purge| match ended {
            Ok(()) => purge.status = PurgeStatus::Complete,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "A purge failed.");
                purge.status = PurgeStatus::Failed;
                purge.error = Some(error.to_string());
            }
        });
    }
}
