//! Events that name others which we lack: these are fetched, or the room's state from the server that sent them.

use std::{collections::HashMap, sync::Arc};

use futures_util::StreamExt as _;
use ruma::{
    OwnedEventId, OwnedServerName, ServerName, UInt,
    api::federation::{
        authorization::get_event_authorization::v1 as event_auth,
        event::{
            get_event::v1 as get_event, get_missing_events::v1 as missing, get_room_state::v1 as get_state,
            get_room_state_ids::v1 as state_ids,
        },
    },
    room_version_rules::RoomVersionRules,
    uint,
};
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::Pdu,
        federation::Deadline,
        rooms::{Acceptance, RoomsError},
    },
    store::{RoomRow, Standing},
};

use super::Inbound;

/// Ends of our graph that we name as what we have.
const ENDS: usize = 20;
/// State events fetched one by one; more are fetched as a whole state.
const ONE_BY_ONE: usize = 50;
const PARALLEL: usize = 8;

impl Inbound {
    /// Brings an event into its room, with whatever it needs.
    pub(super) async fn accept(
        &self,
        origin: &ServerName,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: Pdu,
    ) -> Result<(), RoomsError> {
        let room_id = &room.room_id;
        let event_id = event.event_id.clone();
        let json =
            RawValue::from_string(event.json.clone()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        let Acceptance::Missing { prev, auth } = self.rooms.accept_remote(room_id, event, None).await? else {
            return Ok(());
        };
        if !auth.is_empty() {
            self.fetch_auth(origin, room, rules, &event_id).await?;
        }
        if !prev.is_empty() {
            self.fetch_between(origin, room, rules, &event_id).await?;
        }
        let event = self.rooms.verified(rules, &json).await?;
        let Acceptance::Missing { prev, auth } = self.rooms.accept_remote(room_id, event, None).await? else {
            return Ok(());
        };
        if !auth.is_empty() {
            return Err(RoomsError::BadEvent("The events that it rests on cannot be had".to_owned()));
        }
        tracing::info!(%room_id, %event_id, missing = prev.len(), "History is missing before an event; its state is fetched.");
        let state = self.fetch_state(origin, room, rules, &event_id).await?;
        let event = self.rooms.verified(rules, &json).await?;
        match self.rooms.accept_remote(room_id, event, Some(state)).await? {
            Acceptance::Missing { .. } => {
                Err(RoomsError::BadEvent("The events that it rests on cannot be had".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// The events between the ends of our graph and this one, oldest first, each accepted if it can be.
    async fn fetch_between(
        &self,
        origin: &ServerName,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event_id: &OwnedEventId,
    ) -> Result<(), RoomsError> {
        let (ends, oldest) = {
            let mut db = self.store.read().await?;
            (db.forward_extremities(room.sn).await?, db.oldest_live_depth(room.sn).await?)
        };
        let earliest = ends.into_iter().take(ENDS).filter_map(|(_, id, _)| id.try_into().ok()).collect();
        let mut request = missing::Request::new(room.room_id.clone(), earliest, vec![event_id.clone()]);
        request.limit = uint!(100);
        // What is older than our own time in the room is history, and never new.
        request.min_depth = UInt::try_from(oldest).unwrap_or_default();
        let answer = match self.federation.client.request(origin, request, Deadline::Room).await {
            Ok(answer) => answer,
            Err(error) if error.is_unavailable() => return Err(RoomsError::Unreachable(error.to_string())),
            Err(error) => {
                tracing::info!(server = %origin, %error, "A server does not give the events before its own.");
                return Ok(());
            }
        };
        let bounded: Vec<_> = answer.events.into_iter().take(100).collect();
        let mut events = self.rooms.verified_all(rules, &room.room_id, &bounded).await?;
        events.retain(|event| event.depth >= oldest);
        events.sort_by_key(|event| event.depth);
        let mut first = true;
        for event in events {
            let (id, json) = (event.event_id.clone(), RawValue::from_string(event.json.clone()));
            match self.rooms.accept_remote(&room.room_id, event, None).await {
                Ok(Acceptance::Missing { prev, auth }) => {
                    // Where the answer was too short, the oldest of it starts from the state that the origin knows.
                    if !std::mem::take(&mut first) || prev.is_empty() && auth.is_empty() {
                        continue;
                    }
                    let Ok(json) = json else { continue };
                    self.fetch_auth(origin, room, rules, &id).await?;
                    let state = self.fetch_state(origin, room, rules, &id).await?;
                    let event = self.rooms.verified(rules, &json).await?;
                    self.rooms.accept_remote(&room.room_id, event, Some(state)).await?;
                }
                Ok(_) => first = false,
                Err(RoomsError::Store(error)) => return Err(error.into()),
                Err(error) => tracing::info!(event_id = %id, %error, "A fetched event was not taken."),
            }
        }
        Ok(())
    }

    /// The events that this one rests on.
    async fn fetch_auth(
        &self,
        origin: &ServerName,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event_id: &OwnedEventId,
    ) -> Result<(), RoomsError> {
        let request = event_auth::Request::new(room.room_id.clone(), event_id.clone());
        let answer = self.federation.client.request(origin, request, Deadline::Room).await?;
        let chain = self.rooms.verified_all(rules, &room.room_id, &answer.auth_chain).await?;
        self.rooms.accept_outliers(&room.room_id, &room.version, chain).await?;
        Ok(())
    }

    /// The state before an event, as its server has it; every event of it is stored as an outlier afterwards.
    async fn fetch_state(
        &self,
        origin: &ServerName,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event_id: &OwnedEventId,
    ) -> Result<Vec<OwnedEventId>, RoomsError> {
        let client = &self.federation.client;
        let request = state_ids::Request::new(event_id.clone(), room.room_id.clone());
        let ids = client.request(origin, request, Deadline::Room).await?;
        let mut unknown = Vec::new();
        let mut db = self.store.read().await?;
        for id in ids.pdu_ids.iter().chain(&ids.auth_chain_ids) {
            if db.event_sn(id).await?.is_none_or(|(_, standing)| standing == Standing::Unknown) {
                unknown.push(id.clone());
            }
        }
        drop(db);
        let events = if unknown.len() > ONE_BY_ONE {
            let request = get_state::Request::new(event_id.clone(), room.room_id.clone());
            let answer = client.request(origin, request, Deadline::Room).await?;
            answer.pdus.into_iter().chain(answer.auth_chain).collect()
        } else {
            self.fetch_events(origin, unknown).await
        };
        let events = self.rooms.verified_all(rules, &room.room_id, &events).await?;
        self.rooms.accept_outliers(&room.room_id, &room.version, events).await?;
        Ok(ids.pdu_ids)
    }

    async fn fetch_events(&self, origin: &ServerName, ids: Vec<OwnedEventId>) -> Vec<Box<RawValue>> {
        let (client, origin): (_, OwnedServerName) = (&self.federation.client, origin.to_owned());
        let origin = Arc::new(origin);
        let fetches = ids.into_iter().map(|id| {
            let origin = Arc::clone(&origin);
            async move {
                let request = get_event::Request::new(id.clone());
                match client.request(&origin, request, Deadline::Query).await {
                    Ok(answer) => Some((id, answer.pdu)),
                    Err(error) => {
                        tracing::debug!(event_id = %id, %error, "An event could not be fetched.");
                        None
                    }
                }
            }
        });
        let found: HashMap<_, _> = futures_util::stream::iter(fetches)
            .buffer_unordered(PARALLEL)
            .filter_map(async |found| found)
            .collect()
            .await;
        found.into_values().collect()
    }
}
