//! Rooms: the only door for events, local or remote, and everything that users do in them.
//!
//! A room's changes happen one after the other, under the room's lock; different rooms run in parallel.

mod accept;
mod append;
mod consequences;
pub mod create;
mod delayed;
mod directory;
mod error;
mod extremities;
mod graph;
mod guests;
mod invite_permission;
mod locks;
mod membership;
pub(in crate::domain) mod partial;
mod policy;
mod published;
mod purge;
mod redaction;
mod remote;
mod repair;
mod retention;
mod searchable;
pub mod send;
pub(in crate::domain) mod spaces;
mod state_view;
mod stripped;
pub(in crate::domain) mod summary;
mod third_party_invite;
mod thread_subscriptions;
mod upgrade;
mod verified;
mod view;

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use ruma::{OwnedServerName, RoomId, ServerName, room_version_rules::RoomVersionRules};
use tokio::sync::Semaphore;

use crate::{
    clock::Clock,
    store::{RoomRow, Store},
};

use super::{
    appservices::Appservices,
    events::{EventCache, versions},
    federation::Federation,
    push::Push,
};

use self::{
    delayed::DelayedChanged,
    locks::Locks,
    spaces::{Remembered, Walks},
};

pub use self::{
    accept::Acceptance,
    create::NewRoom,
    delayed::{DelayAction, DelayError, LONGEST as LONGEST_DELAY},
    error::RoomsError,
    invite_permission::takes_invites,
    membership::MembershipChange,
    partial::Arriving,
    published::{DirectoryPage, DirectoryQuery},
    purge::{Deletion, HistoryPurge, Purge, PurgeStatus, Shutdown},
    remote::{Arrival, BoundInvite, Proposal, ReceivedInvite, StrippedOrPdu},
    send::LocalUser,
    send::NewMessage,
    spaces::{HierarchyPage, HierarchyQuery, SpaceRoom},
    summary::Asker,
    third_party_invite::{ThirdPartyInvite, ThirdPartyInviteError},
    thread_subscriptions::Subscribed,
    view::{Page, SearchGroup, SearchResults, SearchToken, SearchWish, Viewer},
};

/// How long other servers' events wait for a join to end; they give up on us soon after.
const ENTERING: Duration = Duration::from_secs(20);

/// The rooms that this server is in. Cheap to clone.
#[derive(Clone)]
pub struct Rooms {
    store: Store,
    clock: Clock,
    server_name: OwnedServerName,
    federation: Federation,
    cache: EventCache,
    locks: Locks,
    /// The timestamp of the newest create event made here.
    created_ts: Arc<AtomicI64>,
    /// Held while a room is being entered through another server.
    entering: Locks,
    push: Push,
    appservices: Appservices,
    /// What other servers told of rooms that we are not in.
    remembered: Remembered,
    /// Space trees that somebody is reading.
    walks: Walks,
    purges: purge::Purges,
    delayed: DelayedChanged,
    tied: extremities::Tied,
    verifying: verified::Verifying,
    /// Places for events of other servers that are judged, in all rooms.
    judging: Arc<Semaphore>,
    arrivals: partial::Arrivals,
}

/// Events that are judged at the same time.
const JUDGED: usize = 16;

impl Rooms {
    pub fn new(
        store: Store,
        clock: Clock,
        server_name: OwnedServerName,
        federation: Federation,
        appservices: Appservices,
    ) -> Self {
        Self {
            store,
            clock,
            server_name,
            federation,
            cache: EventCache::default(),
            locks: Locks::default(),
            created_ts: Arc::default(),
            entering: Locks::default(),
            push: Push::default(),
            appservices,
            remembered: Remembered::default(),
            walks: Walks::default(),
            purges: purge::Purges::default(),
            delayed: DelayedChanged::default(),
            tied: extremities::Tied::default(),
            verifying: verified::Verifying::default(),
            judging: Arc::new(Semaphore::new(JUDGED)),
            arrivals: partial::Arrivals::default(),
        }
    }

    /// Returns when no join through another server to this room is under way: what others send us of it must wait for its end.
    pub async fn until_entered(&self, room_id: &RoomId) {
        if tokio::time::timeout(ENTERING, self.entering.lock(room_id)).await.is_err() {
            tracing::info!(%room_id, "A join takes long; events for the room do not wait for it any more.");
        }
    }

    /// This server.
    pub fn server_name(&self) -> &ServerName {
        &self.server_name
    }

    /// The store, for reads beside the rooms' own.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A room that this server is in, with its version's rules.
    async fn known(&self, room_id: &RoomId) -> Result<(RoomRow, RoomVersionRules), RoomsError> {
        let room = self.store.read().await?.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        let rules = versions::rules(&room.version).ok_or(RoomsError::UnsupportedVersion)?;
        Ok((room, rules))
    }
}

#[cfg(test)]
mod tests;
