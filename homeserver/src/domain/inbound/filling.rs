//! The members of rooms that were joined without them: fetched behind the join, from one server after the other until one has them all.

use std::{collections::HashSet, error::Error, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use ruma::OwnedServerName;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{events::versions, rooms::RoomsError},
    store::{RoomSn, ServerSn, StoreError},
};

use super::{
    Inbound,
    missing::{Helpers, PATIENT},
};

/// Rooms whose members are fetched at the same time: each may be tens of thousands of events.
const AT_ONCE: usize = 2;
/// Servers that are asked in one round.
const SERVERS: usize = 8;
/// A round in vain is followed by another after this long at first, then after longer and longer, up to the other.
const AGAIN: Duration = Duration::from_secs(5);
const AGAIN_AT_MOST: Duration = Duration::from_secs(600);

/// What the filling of rooms waits for. Shared by all clones of the part.
#[derive(Default)]
pub(super) struct Filling {
    /// We are back: servers that were not reached may be now.
    back: Notify,
}

impl Filling {
    pub(super) fn retry(&self) {
        self.back.notify_waiters();
    }
}

impl Inbound {
    /// Fetches members that are still to come, those of an earlier run too, until `stop`.
    pub async fn fill_rooms(self, stop: CancellationToken) {
        let places = Semaphore::new(AT_ONCE);
        let mut filling = FuturesUnordered::new();
        let mut begun: HashSet<RoomSn> = HashSet::new();
        loop {
            match self.partial_rooms().await {
                Ok(rooms) => {
                    for room in rooms {
                        if begun.insert(room) {
                            filling.push(self.fill_room(room, &places));
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn Error, "Rooms without their members could not be read.");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.rooms.next_arrival() => {}
                Some(room) = filling.next() => {
                    begun.remove(&room);
                }
            }
        }
    }

    async fn partial_rooms(&self) -> Result<Vec<RoomSn>, StoreError> {
        self.store.read().await?.partial_rooms().await
    }

    /// Returns when the room is whole, or left.
    async fn fill_room(&self, room: RoomSn, places: &Semaphore) -> RoomSn {
        let (mut round, mut pause) = (0_u32, AGAIN);
        loop {
            let filled = {
                let _place = places.acquire().await;
                self.fill(room, round).await
            };
            match filled {
                Ok(()) => return room,
                Err(RoomsError::Store(error)) => {
                    tracing::error!(error = &error as &dyn Error, "A room could not be filled.");
                }
                Err(error) => tracing::info!(room = room.0, %error, "The members of a room cannot be had yet."),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.filling.back.notified() => pause = AGAIN,
            }
            round = round.saturating_add(1);
            pause = pause.saturating_mul(2).min(AGAIN_AT_MOST);
        }
    }

    /// One round: the server through which we joined, then others of the room.
    async fn fill(&self, sn: RoomSn, round: u32) -> Result<(), RoomsError> {
        let mut db = self.store.read().await?;
        let Some(partial) = db.partial_room(sn).await? else { return Ok(()) };
        let here = db.server_is_joined(sn, ServerSn::OURS).await?;
        let (room, join) = (db.room(sn).await?, db.event_id(partial.join).await?);
        drop(db);
        if !here {
            return Ok(self.rooms.end_arrival(sn).await?);
        }
        let rules = versions::rules(&room.version).ok_or(RoomsError::UnsupportedVersion)?;
        let mut servers: Vec<OwnedServerName> = vec![partial.via.clone()];
        let others = self.rooms.some_servers_of(sn, SERVERS).await?;
        servers.extend(others.into_iter().filter(|server| *server != partial.via));
        servers.truncate(SERVERS);
        let mut last = RoomsError::UnknownRoom;
        for server in servers {
            // Whoever has not everything is asked again before a state with holes is taken.
            let helpers = Helpers::one(&server, round < PATIENT);
            let told = match self.fetch_state(&helpers, &room, &rules, &join).await {
                Ok(told) => self.rooms.complete(sn, &told).await,
                Err(error) => Err(error),
            };
            match told {
                Ok(()) => return Ok(()),
                Err(RoomsError::Store(error)) => return Err(error.into()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
