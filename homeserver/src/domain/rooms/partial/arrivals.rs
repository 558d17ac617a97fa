//! Which rooms' members are on their way, and who waits for them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ruma::{OwnedRoomId, OwnedServerName, ServerName};
use tokio::sync::{Notify, watch};

use crate::{
    domain::rooms::{Rooms, RoomsError},
    store::{RoomRow, RoomSn, StoreError},
};

/// How long somebody who asks for the members waits for them, within a client's own patience.
const WAIT: Duration = Duration::from_secs(25);

/// The other servers of a room, as told in place of its members.
pub(in crate::domain::rooms) struct Omitted {
    pub via: OwnedServerName,
    pub servers: Vec<OwnedServerName>,
}

/// Servers of one room that are kept, as one told them.
const SERVERS: usize = 5000;

impl Omitted {
    /// `servers` as `via` named them: what is no server name is left out.
    pub(in crate::domain::rooms) fn new(via: &ServerName, servers: Vec<String>) -> Self {
        let named = servers.into_iter().take(SERVERS).filter_map(|name| OwnedServerName::try_from(name).ok());
        Self { via: via.to_owned(), servers: std::iter::once(via.to_owned()).chain(named).collect() }
    }
}

/// How far the members of a room are on their way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arriving {
    pub room_id: OwnedRoomId,
    /// Pieces of state that are in their place.
    pub arrived: usize,
    /// How many there will be; `None` until a server told.
    pub all: Option<usize>,
}

/// Which rooms' members are on their way.
#[derive(Clone)]
pub(in crate::domain::rooms) struct Arrivals(Arc<Inner>);

struct Inner {
    rooms: watch::Sender<BTreeMap<RoomSn, Arriving>>,
    begun: Notify,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self(Arc::new(Inner { rooms: watch::Sender::new(BTreeMap::new()), begun: Notify::new() }))
    }
}

impl Arrivals {
    pub(in crate::domain::rooms) fn begin(&self, room: RoomSn, room_id: OwnedRoomId) {
        self.0.rooms.send_modify(|rooms| _ = rooms.insert(room, Arriving { room_id, arrived: 0, all: None }));
        self.0.begun.notify_one();
    }

    pub(super) fn progress(&self, room: &RoomRow, arrived: usize, all: usize) {
        let room_id = room.room_id.clone();
        self.0.rooms.send_modify(|rooms| _ = rooms.insert(room.sn, Arriving { room_id, arrived, all: Some(all) }));
    }

    pub(super) fn over(&self, room: RoomSn) {
        self.0.rooms.send_modify(|rooms| _ = rooms.remove(&room));
    }
}

impl Rooms {
    /// Rooms whose members are on their way, now and at each change.
    pub fn arriving(&self) -> watch::Receiver<BTreeMap<RoomSn, Arriving>> {
        self.arrivals.0.rooms.subscribe()
    }

    /// Returns when a room was entered without its members since the last time.
    pub(in crate::domain) async fn next_arrival(&self) {
        self.arrivals.0.begun.notified().await;
    }

    /// Waits until the members of a room are here.
    pub async fn whole(&self, room: RoomSn) -> Result<(), RoomsError> {
        let mut changed = self.arriving();
        let waited = async {
            while self.store.read().await?.is_partial(room).await? {
                changed.changed().await.map_err(|_| StoreError::Closed)?;
            }
            Ok::<_, StoreError>(())
        };
        match tokio::time::timeout(WAIT, waited).await {
            Ok(waited) => Ok(waited?),
            Err(_) => Err(RoomsError::Arriving),
        }
    }
}
