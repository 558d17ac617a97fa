//! The ends of a room's graph: where there are many, an event of ours ties them together, for every event that comes costs as much as
//! there are ends.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;
use ruma::{CanonicalJsonObject, RoomId};

use crate::store::RoomSn;

use super::{LocalUser, NewMessage, Rooms, RoomsError};

/// Ends that are let be.
const ENDS: usize = 10;
/// The least time between two such events in a room.
const PAUSE_MS: i64 = 1000;
/// How long it is not tried again where nobody of ours may send.
const NOBODY_MS: i64 = 10 * 60 * 1000;
/// Local users who are tried: not everybody may send.
const USERS: usize = 5;
/// Shows in no client; what other servers send for the same purpose.
const KIND: &str = "org.matrix.dummy_event";
const IN_MEMORY: NonZeroUsize = NonZeroUsize::new(1000).unwrap();

/// When the ends of a room were tied together last, or could not be.
#[derive(Clone)]
pub(super) struct Tied(Arc<Mutex<LruCache<RoomSn, Last>>>);

#[derive(Clone, Copy)]
struct Last {
    /// Milliseconds since 1970.
    ts: i64,
    pause_ms: i64,
}

impl Default for Tied {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(IN_MEMORY))))
    }
}

impl Tied {
    /// Whether it is time; notes that it is done.
    fn is_due(&self, room: RoomSn, now: i64) -> bool {
        let mut tied = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = tied.get(&room).is_some_and(|last| (0..last.pause_ms).contains(&now.saturating_sub(last.ts)));
        if !lately {
            tied.put(room, Last { ts: now, pause_ms: PAUSE_MS });
        }
        !lately
    }

    /// Nobody could.
    fn put_off(&self, room: RoomSn, now: i64) {
        let mut tied = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tied.put(room, Last { ts: now, pause_ms: NOBODY_MS });
    }
}

impl Rooms {
    /// Ties the ends of a room together when there are too many and a user of ours may send.
    pub(super) async fn tie_ends(&self, room_id: &RoomId) -> Result<(), RoomsError> {
        let mut db = self.store.read().await?;
        let Some(room) = db.room_sn(room_id).await? else { return Ok(()) };
        let now = self.clock.now_ms();
        if db.forward_extremities(room).await?.len() <= ENDS || !self.tied.is_due(room, now) {
            return Ok(());
        }
        let mut users = Vec::new();
        for user in db.local_joined_members(room).await?.into_iter().take(USERS) {
            users.push(LocalUser { user, user_id: db.user_id(user).await?, device_id: "".into() });
        }
        drop(db);
        for user in users {
            let message = NewMessage {
                room_id: room_id.to_owned(),
                kind: KIND.into(),
                state_key: None,
                content: CanonicalJsonObject::new(),
                txn_id: None,
                redacts: None,
                timestamp: None,
            };
            match self.send(&user, message).await {
                Ok(_) => return Ok(()),
                Err(RoomsError::Forbidden(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.tied.put_off(room, now);
        tracing::info!(%room_id, "Nobody here may tie the many ends of a room together.");
        Ok(())
    }
}
