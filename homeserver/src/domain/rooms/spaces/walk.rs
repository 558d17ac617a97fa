//! Walks down a space tree: depth first, in pages, each room once.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use ruma::{
    OwnedRoomId, OwnedServerName, OwnedUserId,
    room::{RoomSummary, RoomType},
};
use tokio::time::{Sleep, sleep};

use crate::domain::accounts::random_token;

use super::{
    super::{Asker, LocalUser, Rooms, RoomsError, summary},
    SpaceRoom, local,
};

/// Walks that can go on; the ones not used for longest are forgotten.
const WALKS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(199);
/// Rooms of one walk.
const ROOMS: usize = 2000;
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 100;
const DEEPEST: u64 = 32;
/// How long one page waits for other servers, all in all.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked of a space tree.
#[derive(Clone, Debug)]
pub struct HierarchyQuery {
    pub room_id: OwnedRoomId,
    pub from: Option<String>,
    pub limit: Option<u64>,
    pub max_depth: Option<u64>,
    pub suggested_only: bool,
}

/// A page of a space tree.
#[derive(Debug, Default)]
pub struct HierarchyPage {
    pub rooms: Vec<SpaceRoom>,
    pub next_batch: Option<String>,
}

/// Where a walk stands.
#[derive(Clone)]
struct Walk {
    user_id: OwnedUserId,
    room_id: OwnedRoomId,
    max_depth: u64,
    suggested_only: bool,
    /// The next room is the last one.
    open: Vec<Step>,
    seen: HashSet<OwnedRoomId>,
}

#[derive(Clone)]
struct Step {
    room_id: OwnedRoomId,
    via: Arc<[OwnedServerName]>,
    depth: u64,
    /// What the server that told of the parent told of it.
    told: Option<Box<RoomSummary>>,
}

/// Walks by their tokens.
#[derive(Clone)]
pub(in crate::domain::rooms) struct Walks(Arc<Mutex<LruCache<String, Walk>>>);

impl Default for Walks {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(WALKS))))
    }
}

impl Walks {
    fn find(&self, token: &str) -> Option<Walk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    fn keep(&self, walk: Walk) -> String {
        let token = random_token(&mut rand::rng());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(token.clone(), walk);
        token
    }
}

/// A room of the walk, when it was found.
enum Look {
    Found(Box<SpaceRoom>, Option<Arc<super::remote::RemoteSpace>>),
    Nothing,
    /// Other servers have taken too long for this page.
    TooLong,
}

impl Rooms {
    /// The next rooms of the tree below a room, itself first.
    pub async fn hierarchy(&self, user: &LocalUser, query: &HierarchyQuery) -> Result<HierarchyPage, RoomsError> {
        let max_depth = query.max_depth.unwrap_or(DEEPEST).min(DEEPEST);
        if query.limit == Some(0) {
            return Err(RoomsError::InvalidParam("`limit` is more than zero".to_owned()));
        }
        let limit = query.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE).min(LARGEST_PAGE);
        let mut walk = match &query.from {
            None => Walk {
                user_id: user.user_id.clone(),
                room_id: query.room_id.clone(),
                max_depth,
                suggested_only: query.suggested_only,
                open: vec![Step {
                    room_id: query.room_id.clone(),
                    via: query.room_id.server_name().map(ToOwned::to_owned).into_iter().collect(),
                    depth: 0,
                    told: None,
                }],
                seen: HashSet::new(),
            },
            Some(token) => self
                .walks
                .find(token)
                .filter(|walk| {
                    (&walk.user_id, &walk.room_id, walk.max_depth, walk.suggested_only)
                        == (&user.user_id, &query.room_id, max_depth, query.suggested_only)
                })
                .ok_or_else(|| {
                    RoomsError::InvalidParam("`from` is unknown, or `max_depth` or `suggested_only` changed".to_owned())
                })?,
        };
        let mut patience = Box::pin(sleep(PATIENCE));
        let mut page = HierarchyPage::default();
        while page.rooms.len() < limit
            && let Some(step) = walk.open.pop()
        {
            if !walk.seen.insert(step.room_id.clone()) {
                continue;
            }
            match self.look(user, &walk, &step, patience.as_mut()).await? {
                Look::Found(room, remote) => {
                    descend(&mut walk, &step, &room, remote.as_deref());
                    page.rooms.push(*room);
                }
                Look::Nothing if step.depth == 0 => {
                    return Err(RoomsError::Forbidden("You may not see this room, or it does not exist".to_owned()));
                }
                Look::Nothing => {}
                Look::TooLong => break,
            }
        }
        if !walk.open.is_empty() {
            page.next_batch = Some(self.walks.keep(walk));
        }
        Ok(page)
    }

    /// The room as the user may see it: from our own state where we have it, from other servers otherwise.
    async fn look(
        &self,
        user: &LocalUser,
        walk: &Walk,
        step: &Step,
        patience: Pin<&mut Sleep>,
    ) -> Result<Look, RoomsError> {
        let ours = {
            let mut db = self.store.read().await?;
            match db.room_by_id(&step.room_id).await? {
                Some(room) => local(&mut db, &room, walk.suggested_only).await?,
                None => None,
            }
        };
        let (room, remote) = match (ours, &step.told) {
            (Some((room, _)), _) => (room, None),
            (None, Some(told)) if told.room_type != Some(RoomType::Space) => {
                (SpaceRoom { summary: (**told).clone(), children: Vec::new() }, None)
            }
            (None, _) => {
                let asked = tokio::select! {
                    asked = self.remote_space(&step.room_id, &step.via, walk.suggested_only) => asked?,
                    () = patience => {
                        // Not asked again at once, so that the next page comes further.
                        self.remembered.put((step.room_id.clone(), walk.suggested_only), self.clock.now_ms(), None);
                        return Ok(Look::TooLong);
                    }
                };
                let Some(remote) = asked else { return Ok(Look::Nothing) };
                (remote.room.clone(), Some(remote))
            }
        };
        let mut db = self.store.read().await?;
        if !summary::may_be_shown(&mut db, Asker::User(user), &room.summary).await? {
            return Ok(Look::Nothing);
        }
        Ok(Look::Found(Box::new(room), remote))
    }
}

/// The children come next, the first of them first.
fn descend(walk: &mut Walk, step: &Step, room: &SpaceRoom, remote: Option<&super::remote::RemoteSpace>) {
    if step.depth >= walk.max_depth {
        return;
    }
    for child in room.children.iter().rev() {
        let known = walk.seen.len() + walk.open.len();
        if known >= ROOMS || walk.seen.contains(&child.room_id) {
            continue;
        }
        if remote.is_some_and(|remote| remote.inaccessible.contains(&child.room_id)) {
            continue;
        }
        walk.open.push(Step {
            room_id: child.room_id.clone(),
            via: child.via.iter().cloned().collect(),
            depth: step.depth + 1,
            told: remote.and_then(|remote| remote.children.get(&child.room_id)).cloned().map(Box::new),
        });
    }
}
