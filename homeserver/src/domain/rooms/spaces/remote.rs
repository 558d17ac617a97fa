//! Spaces and rooms of which only other servers know: their answers, checked, and kept for some minutes.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;
use ruma::{
    OwnedRoomId, OwnedServerName, RoomId, api::federation::space::get_hierarchy::v1 as get_hierarchy, room::RoomSummary,
};

use crate::domain::federation::{Deadline, FederationError};

use super::{
    super::{Rooms, RoomsError, summary},
    SpaceRoom, in_order,
};

/// Answers that are kept.
const ANSWERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(199);
/// How long an answer is kept, and how long the lack of one, in milliseconds.
const FRESH: i64 = 5 * 60 * 1000;
const MISSING: i64 = 60 * 1000;
/// Servers that are asked for one room.
const SERVERS: usize = 3;
/// Longest texts that are kept of another server's room, in characters.
const TEXT: usize = 4096;

/// What another server told of a room.
#[derive(Debug)]
pub(in crate::domain::rooms) struct RemoteSpace {
    pub(super) room: SpaceRoom,
    /// Children that it could tell about.
    pub(super) children: HashMap<OwnedRoomId, RoomSummary>,
    /// Children that are not for us.
    pub(super) inaccessible: HashSet<OwnedRoomId>,
}

type Answer = (i64, Option<Arc<RemoteSpace>>);

/// Answers by room and by whether only suggested children were asked for.
#[derive(Clone)]
pub(in crate::domain::rooms) struct Remembered(Arc<Mutex<LruCache<(OwnedRoomId, bool), Answer>>>);

impl Default for Remembered {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(ANSWERS))))
    }
}

impl Remembered {
    fn get(&self, key: &(OwnedRoomId, bool), now_ms: i64) -> Option<Option<Arc<RemoteSpace>>> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked_ts, answer) = answers.get(key)?;
        let age = if answer.is_some() { FRESH } else { MISSING };
        (now_ms.saturating_sub(*asked_ts) < age).then(|| answer.clone())
    }

    pub(super) fn put(&self, key: (OwnedRoomId, bool), now_ms: i64, answer: Option<Arc<RemoteSpace>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key, (now_ms, answer));
    }
}

impl Rooms {
    /// What other servers tell of a room that ours is not in; `None` when none of them tells anything.
    pub(in crate::domain::rooms) async fn remote_space(
        &self,
        room_id: &RoomId,
        via: &[OwnedServerName],
        suggested_only: bool,
    ) -> Result<Option<Arc<RemoteSpace>>, RoomsError> {
        let key = (room_id.to_owned(), suggested_only);
        if let Some(answer) = self.remembered.get(&key, self.clock.now_ms()) {
            return Ok(answer);
        }
        let mut asked: HashSet<&OwnedServerName> = HashSet::new();
        for server in via.iter().filter(|server| **server != self.server_name) {
            if asked.len() >= SERVERS || !asked.insert(server) {
                continue;
            }
            let mut request = get_hierarchy::Request::new(room_id.to_owned());
            request.suggested_only = suggested_only;
            match self.federation.client.request(server, request, Deadline::Query).await {
                Ok(answer) => {
                    if let Some(space) = checked(room_id, answer, suggested_only) {
                        let space = Some(Arc::new(space));
                        self.remembered.put(key, self.clock.now_ms(), space.clone());
                        return Ok(space);
                    }
                }
                Err(FederationError::Store(error)) => return Err(error.into()),
                Err(error) => tracing::info!(%room_id, server = %server, %error, "A server does not tell of a room."),
            }
        }
        if !asked.is_empty() {
            self.remembered.put(key, self.clock.now_ms(), None);
        }
        Ok(None)
    }
}

/// The answer, when it is about the room that was asked about; without what the room does not name.
fn checked(room_id: &RoomId, answer: get_hierarchy::Response, suggested_only: bool) -> Option<RemoteSpace> {
    let summary = usable(answer.room.summary).filter(|summary| summary.room_id == room_id)?;
    let children = match summary.room_type {
        Some(ruma::room::RoomType::Space) => in_order(answer.room.children_state, suggested_only),
        _ => Vec::new(),
    };
    let named: HashSet<&OwnedRoomId> = children.iter().map(|child| &child.room_id).collect();
    let told = answer.children.into_iter().filter(|child| named.contains(&child.room_id)).filter_map(usable);
    let told = told.map(|child| (child.room_id.clone(), child)).collect();
    let inaccessible = answer.inaccessible_children.into_iter().filter(|child| named.contains(child)).collect();
    Some(RemoteSpace { children: told, inaccessible, room: SpaceRoom { summary, children } })
}

/// A summary that can be shown: its join rule is known, its texts have an end.
fn usable(mut summary: RoomSummary) -> Option<RoomSummary> {
    if !summary::known(&summary.join_rule) {
        return None;
    }
    for text in [&mut summary.name, &mut summary.topic].into_iter().flatten() {
        if let Some((end, _)) = text.char_indices().nth(TEXT) {
            text.truncate(end);
        }
    }
    Some(summary)
}
