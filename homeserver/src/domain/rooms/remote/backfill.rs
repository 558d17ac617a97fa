//! History from before we came, asked of the servers in the room.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use ruma::{
    OwnedEventId, RoomId, ServerName, UInt,
    api::federation::{
        authorization::get_event_authorization::v1 as event_auth, backfill::get_backfill::v1 as get_backfill,
    },
    room_version_rules::RoomVersionRules,
};

use crate::{
    domain::{
        events::{Pdu, pdu::Age},
        federation::Deadline,
        rooms::{Page, Rooms, RoomsError},
    },
    store::{Durability, Hole, Position, RoomRow, ServerSn, Standing, StoreError},
};

/// Events from which one request goes backwards.
const STARTS: usize = 10;
/// Servers that are asked.
const SERVERS: usize = 3;
/// Answers of other servers that one page waits for.
const ROUNDS: usize = 4;
/// How long one page waits.
const PATIENCE: Duration = Duration::from_secs(60);
/// A hole that nobody could help with is left alone for this long.
const AGAIN_MS: i64 = 60_000;

impl Rooms {
    /// Asks other servers for history where ours has a hole within the page, or ends before the page is full.
    pub async fn fill_history(&self, room: &RoomRow, page: &Page) -> Result<(), RoomsError> {
        // What came until then is kept: the next page goes on from there.
        tokio::time::timeout(PATIENCE, self.fill_page(room, page)).await.unwrap_or(Ok(()))
    }

    async fn fill_page(&self, room: &RoomRow, page: &Page) -> Result<(), RoomsError> {
        let upto = page.from.unwrap_or(Position(i64::MAX));
        for _ in 0..ROUNDS {
            let mut db = self.store.read().await?;
            let have = db.timeline_backwards(room.sn, Position(i64::MIN), upto, page.limit).await?;
            let full = i64::try_from(have.len()).unwrap_or(i64::MAX) >= page.limit;
            let lowest = have.last().and_then(|event| event.position).filter(|_| full).unwrap_or(Position(i64::MIN));
            let lately = self.clock.now_ms().saturating_sub(AGAIN_MS);
            let hole = db.newest_hole(room.sn, lowest, upto, lately).await?;
            let joined = db.server_is_joined(room.sn, ServerSn::OURS).await?;
            drop(db);
            let new = match hole {
                _ if !joined => 0,
                Some(hole) => self.fill_hole(room, hole).await?,
                None if full => 0,
                None => self.backfill(&room.room_id, 100).await?,
            };
            if new == 0 || hole.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Fetches what is missing in the middle of a timeline. Answers how many events came.
    async fn fill_hole(&self, room: &RoomRow, hole: Hole) -> Result<usize, RoomsError> {
        let missing = self.store.read().await?.missing_in_hole(&hole).await?;
        let starts: Vec<OwnedEventId> = missing.into_iter().take(STARTS).filter_map(|id| id.try_into().ok()).collect();
        let new = self.backfill_of(&room.room_id, starts, 100, Some(hole)).await?;
        if new == 0 {
            self.store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(async move { tx.hole_failed(&hole).await })
                })
                .await?;
        }
        Ok(new)
    }

    /// Fetches about `limit` older events. Answers how many came; 0 when nobody has more or nobody can be reached.
    pub async fn backfill(&self, room_id: &RoomId, limit: u32) -> Result<usize, RoomsError> {
        let (room, _) = self.known(room_id).await?;
        let ends = self.store.read().await?.backward_extremities(room.sn).await?;
        let starts: Vec<OwnedEventId> =
            ends.into_iter().take(STARTS).filter_map(|(_, id)| id.try_into().ok()).collect();
        self.backfill_of(room_id, starts, limit, None).await
    }

    async fn backfill_of(
        &self,
        room_id: &RoomId,
        starts: Vec<OwnedEventId>,
        limit: u32,
        hole: Option<Hole>,
    ) -> Result<usize, RoomsError> {
        let (room, rules) = self.known(room_id).await?;
        if starts.is_empty() {
            return Ok(0);
        }
        for server in self.servers_of(room.sn).await?.into_iter().take(SERVERS) {
            match self.backfill_from(&server, &room, &rules, starts.clone(), (limit, hole)).await {
                Ok(0) => {}
                Ok(new) => return Ok(new),
                Err(RoomsError::Store(error)) => return Err(error.into()),
                Err(error) => tracing::info!(%room_id, server = %server, %error, "A server did not give older events."),
            }
        }
        Ok(0)
    }

    pub(super) async fn backfill_from(
        &self,
        server: &ServerName,
        room: &RoomRow,
        rules: &RoomVersionRules,
        starts: Vec<OwnedEventId>,
        (limit, hole): (u32, Option<Hole>),
    ) -> Result<usize, RoomsError> {
        let limit = limit.clamp(1, 100);
        let request = get_backfill::Request::new(room.room_id.clone(), starts.clone(), UInt::from(limit));
        let mut answer = self.federation.client.request(server, request, Deadline::Events).await?;
        answer.pdus.truncate(100);
        let events = self.verified_all(rules, &room.room_id, answer.pdus, Age::History).await?;
        self.fetch_auth_of(server, room, rules, &events).await?;
        self.accept_backfill(&room.room_id, events, &starts, hole).await
    }

    /// Fetches what these events rest on and is not here.
    async fn fetch_auth_of(
        &self,
        server: &ServerName,
        room: &RoomRow,
        rules: &RoomVersionRules,
        events: &[Pdu],
    ) -> Result<(), RoomsError> {
        let here: HashSet<&OwnedEventId> = events.iter().map(|event| &event.event_id).collect();
        let mut fetched: BTreeSet<OwnedEventId> = BTreeSet::new();
        for event in events {
            let mut db = self.store.read().await?;
            let mut complete = true;
            for id in event.auth_events.iter().filter(|id| !here.contains(id) && !fetched.contains(*id)) {
                complete &= db.event_sn(id).await?.is_some_and(|(_, standing)| standing != Standing::Unknown);
            }
            drop(db);
            if complete {
                continue;
            }
            let request = event_auth::Request::new(room.room_id.clone(), event.event_id.clone());
            let answer = self.federation.client.request(server, request, Deadline::State).await?;
            let chain = self.verified_all(rules, &room.room_id, answer.auth_chain, Age::History).await?;
            fetched.extend(self.accept_outliers(&room.room_id, &room.version, chain).await?);
        }
        Ok(())
    }
}
