//! Between copies of this program: transactions tell the newest events of shared rooms too, so that what one of them missed comes by
//! way of another.

mod transaction;

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crypto::name::{NameKind, kind};
use lru::LruCache;
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, ServerName};
use tokio::sync::{Notify, mpsc};

use crate::store::{RoomSn, ServerSn, Store, StoreError};

pub use self::transaction::{Answer, Transaction};

/// The newest events of rooms.
pub type RoomHeads = BTreeMap<OwnedRoomId, Vec<OwnedEventId>>;

/// Rooms in one transaction, and events of one of them.
const ROOMS: usize = 100;
const EVENTS: usize = 20;
/// Servers and rooms of which we remember what was told.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
const COPIES: NonZeroUsize = NonZeroUsize::new(1000).unwrap();
/// What others told waits for whoever fetches it; more is told again some time.
const QUEUE: usize = 100;

/// What we and others told each other. Cheap to clone.
#[derive(Clone)]
pub struct Heads(Arc<Inner>);

struct Inner {
    store: Store,
    told: Mutex<LruCache<(ServerSn, RoomSn), u64>>,
    /// Servers with ordinary names that speak of heads.
    copies: Mutex<LruCache<ServerSn, ()>>,
    /// Rooms that went on by others, and by whom last.
    changed: Mutex<HashMap<OwnedRoomId, ServerSn>>,
    change: Notify,
    heard: mpsc::Sender<(OwnedServerName, RoomHeads)>,
    queue: tokio::sync::Mutex<mpsc::Receiver<(OwnedServerName, RoomHeads)>>,
}

/// What one transaction tells: to be confirmed when it arrived.
#[derive(Debug, Default)]
pub struct Telling {
    pub heads: RoomHeads,
    rooms: Vec<(RoomSn, u64)>,
}

impl Heads {
    pub fn new(store: Store) -> Self {
        let (heard, queue) = mpsc::channel(QUEUE);
        Self(Arc::new(Inner {
            store,
            told: Mutex::new(LruCache::new(REMEMBERED)),
            copies: Mutex::new(LruCache::new(COPIES)),
            changed: Mutex::default(),
            change: Notify::new(),
            heard,
            queue: tokio::sync::Mutex::new(queue),
        }))
    }

    /// Whether the server is a copy of this program, as far as we know.
    pub fn is_copy(&self, name: &ServerName, server: ServerSn) -> bool {
        matches!(kind(name), NameKind::Key(_)) || lock(&self.0.copies).contains(&server)
    }

    /// What the server was not told yet: of these rooms, or of all that it shares with us.
    pub async fn for_server(&self, server: ServerSn, only: Option<Vec<RoomSn>>) -> Result<Telling, StoreError> {
        let mut telling = Telling::default();
        let mut db = self.0.store.read().await?;
        let rooms = match only {
            Some(rooms) => rooms,
            None => db.rooms_shared_with(server, ROOMS).await?,
        };
        for room in rooms.into_iter().take(ROOMS) {
            if !db.server_is_joined(room, server).await? {
                continue;
            }
            let heads = heads(&mut db, room).await?;
            let hash = hash(&heads);
            if !heads.is_empty() && lock(&self.0.told).peek(&(server, room)) != Some(&hash) {
                telling.heads.insert(db.room_id(room).await?, heads);
                telling.rooms.push((room, hash));
            }
        }
        Ok(telling)
    }

    /// The server has taken it.
    pub fn told(&self, server: ServerSn, telling: &Telling) {
        let mut told = lock(&self.0.told);
        for (room, hash) in &telling.rooms {
            told.put((server, *room), *hash);
        }
    }

    /// The server told us heads: they are looked at behind it. Answers ours of those rooms where they are others.
    pub async fn heard(
        &self,
        name: &ServerName,
        server: ServerSn,
        mut theirs: RoomHeads,
    ) -> Result<RoomHeads, StoreError> {
        lock(&self.0.copies).put(server, ());
        let mut ours = RoomHeads::new();
        let mut shared = RoomHeads::new();
        let mut db = self.0.store.read().await?;
        while let Some((room_id, mut named)) = theirs.pop_first() {
            if shared.len() == ROOMS {
                break;
            }
            named.truncate(EVENTS);
            named.sort();
            let Some(room) = db.room_sn(&room_id).await? else { continue };
            if !(db.server_is_joined(room, server).await? && db.server_is_joined(room, ServerSn::OURS).await?) {
                continue;
            }
            let here = heads(&mut db, room).await?;
            lock(&self.0.told).put((server, room), hash(&named));
            if here != named {
                ours.insert(room_id.clone(), here);
                shared.insert(room_id, named);
            }
        }
        drop(db);
        if !shared.is_empty() && self.0.heard.try_send((name.to_owned(), shared)).is_err() {
            tracing::debug!(server = %name, "Too many rooms have other newest events elsewhere; some are looked at later.");
        }
        Ok(ours)
    }

    /// Waits for the next heads that a server told and that are not ours.
    pub async fn next_heard(&self) -> Option<(OwnedServerName, RoomHeads)> {
        self.0.queue.lock().await.recv().await
    }

    /// These rooms went on by the words of another server.
    pub fn went_on(&self, rooms: impl IntoIterator<Item = OwnedRoomId>, by: ServerSn) {
        let mut changed = lock(&self.0.changed);
        for room_id in rooms.into_iter().take(ROOMS) {
            if changed.len() < REMEMBERED.get() || changed.contains_key(&room_id) {
                changed.insert(room_id, by);
            }
        }
        drop(changed);
        self.0.change.notify_one();
    }

    /// Waits until rooms went on and answers them with who said so.
    pub(super) async fn next_change(&self) -> HashMap<OwnedRoomId, ServerSn> {
        loop {
            let changed = std::mem::take(&mut *lock(&self.0.changed));
            if !changed.is_empty() {
                return changed;
            }
            self.0.change.notified().await;
        }
    }
}

async fn heads(db: &mut crate::store::Db, room: RoomSn) -> Result<Vec<OwnedEventId>, StoreError> {
    let ends = db.forward_extremities(room).await?.into_iter().take(EVENTS);
    let mut heads: Vec<OwnedEventId> = ends.filter_map(|(_, id, _)| id.try_into().ok()).collect();
    heads.sort();
    Ok(heads)
}

fn hash(heads: &[OwnedEventId]) -> u64 {
    let mut hasher = DefaultHasher::new();
    heads.hash(&mut hasher);
    hasher.finish()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
