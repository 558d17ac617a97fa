//! After an absence: the newest events of each room are asked of its other servers, and those that we lack are fetched.
//!
//! A server may have given up sending to us while we were away, and most later send only what is new.

use std::{collections::BTreeSet, time::Duration};

use futures_util::StreamExt as _;
use ruma::{
    EventId, OwnedEventId, RoomId, ServerName, UserId,
    api::federation::{event::get_event::v1 as get_event, membership::prepare_leave_event::v1 as make_leave},
    room_version_rules::RoomVersionRules,
};
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        events::Pdu,
        federation::{Deadline, FederationError},
        rooms::RoomsError,
    },
    store::{Durability, Lane, RoomRow, RoomSn, Standing, StoreError},
};

use super::Inbound;

/// Rooms looked at at the same time.
const PARALLEL: usize = 8;
/// Servers of a room that are tried, and how many of them have to answer.
const TRIED: usize = 4;
const ANSWERS: usize = 2;
const SETTLE: Duration = Duration::from_millis(500);
/// Newest events of a room that one server may name.
const HEADS: usize = 20;

/// Whether a server is asked that was away lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    IfThere,
    InAnyCase,
}

impl Inbound {
    /// What waited for other servers is tried again, and every room that we share is asked for, direct chats and the most recent first.
    pub async fn pull(&self) -> Result<(), StoreError> {
        self.retry().await?;
        let rooms = self.store.read().await?.rooms_shared_with_others().await?;
        let pulls = rooms.into_iter().map(async |room| match self.pull_room(room).await {
            Ok(()) => Ok(()),
            Err(RoomsError::Store(error)) => Err(error),
            Err(error) => {
                tracing::debug!(
                    room = room.0,
                    error = &error as &dyn std::error::Error,
                    "A room could not be brought up to date."
                );
                Ok(())
            }
        });
        let mut pulls = futures_util::stream::iter(pulls).buffer_unordered(PARALLEL);
        while let Some(pulled) = pulls.next().await {
            pulled?;
        }
        Ok(())
    }

    /// Fetches what other copies of this program tell us of, until `stop`.
    pub async fn follow_heads(self, stop: CancellationToken) {
        let mut fetches = JoinSet::new();
        loop {
            let heard = async {
                if fetches.len() >= PARALLEL {
                    fetches.join_next().await;
                }
                self.federation.heads.next_heard().await
            };
            let (server, heads) = tokio::select! {
                () = stop.cancelled() => return,
                heard = heard => match heard {
                    Some(heard) => heard,
                    None => return,
                },
            };
            let inbound = self.clone();
            fetches.spawn(async move {
                // What came along with it is worked on first.
                tokio::time::sleep(SETTLE).await;
                for (room_id, heads) in heads {
                    if let Err(error) = inbound.follow(&server, &room_id, heads).await {
                        tracing::debug!(server = %server, %room_id, error = &error as &dyn std::error::Error, "A room could not be brought up to date.");
                    }
                }
            });
        }
    }

    async fn follow(&self, server: &ServerName, room_id: &RoomId, heads: Vec<OwnedEventId>) -> Result<(), RoomsError> {
        let row = self.store.read().await?.room_by_id(room_id).await?;
        match row {
            Some(row) => self.fetch_heads(server, &row, heads.into_iter().collect()).await,
            None => Ok(()),
        }
    }

    async fn pull_room(&self, room: RoomSn) -> Result<(), RoomsError> {
        let mut db = self.store.read().await?;
        let row = db.room(room).await?;
        let Some(user) = db.local_joined_members(room).await?.first().copied() else { return Ok(()) };
        let user_id = db.user_id(user).await?;
        drop(db);
        let mut answers = 0;
        for server in self.rooms.servers_of(room).await?.into_iter().take(TRIED) {
            match self.heads_at(&server, &row, &user_id, Asked::IfThere).await {
                Ok(heads) => {
                    answers += 1;
                    self.fetch_heads(&server, &row, heads).await?;
                    if answers == ANSWERS {
                        break;
                    }
                }
                Err(FederationError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::debug!(server = %server, room_id = %row.room_id, error = &error as &dyn std::error::Error, "A server does not tell a room's newest events.");
                }
            }
        }
        Ok(())
    }

    /// The newest events of a room as another server has it: a leave that is never sent would follow them.
    pub(super) async fn heads_at(
        &self,
        server: &ServerName,
        room: &RoomRow,
        user_id: &UserId,
        asked: Asked,
    ) -> Result<BTreeSet<OwnedEventId>, FederationError> {
        #[derive(serde::Deserialize)]
        struct Template {
            prev_events: BTreeSet<OwnedEventId>,
        }
        let client = &self.federation.client;
        let request = make_leave::Request::new(room.room_id.clone(), user_id.to_owned());
        let answer = match asked {
            Asked::IfThere => client.request(server, request, Deadline::Query).await,
            Asked::InAnyCase => client.request_now(server, request, Deadline::Query).await,
        };
        let template: Template =
            serde_json::from_str(answer?.event.get()).map_err(|error| FederationError::Malformed(error.to_string()))?;
        Ok(template.prev_events)
    }

    /// One event of a room, as another server has it.
    pub(super) async fn event_at(
        &self,
        server: &ServerName,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event_id: &EventId,
    ) -> Result<(Pdu, Box<RawValue>), RoomsError> {
        let request = get_event::Request::new(event_id.to_owned());
        let pdu = self.federation.client.request(server, request, Deadline::Query).await?.pdu;
        let event = self.rooms.verified(rules, &pdu).await?;
        if event.event_id != event_id || event.room_id != room.room_id {
            return Err(RoomsError::BadEvent("The server answered with another event".to_owned()));
        }
        Ok((event, pdu))
    }

    /// Fetches those of a room's newest events that are not on our timeline, as if `server` had sent them.
    async fn fetch_heads(
        &self,
        server: &ServerName,
        room: &RoomRow,
        heads: BTreeSet<OwnedEventId>,
    ) -> Result<(), RoomsError> {
        let rules = room.version.rules().ok_or(RoomsError::UnsupportedVersion)?;
        for event_id in heads.into_iter().take(HEADS) {
            let known = self.store.read().await?.event(&event_id).await?;
            if known.is_some_and(|event| event.position.is_some() || event.standing != Standing::Accepted) {
                continue;
            }
            let pdu = match self.event_at(server, room, &rules, &event_id).await {
                Ok((_, pdu)) => pdu,
                Err(RoomsError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::debug!(server = %server, %event_id, error = &error as &dyn std::error::Error, "An event could not be fetched.");
                    continue;
                }
            };
            let (room_id, server) = (room.room_id.clone(), server.to_owned());
            self.store
                .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                    Box::pin(async move {
                        let origin = server.as_str();
                        tx.stage_pdu(room_id.as_str(), Lane::Ready, event_id.as_str(), origin, pdu.get()).await
                    })
                })
                .await?;
        }
        Ok(())
    }
}
