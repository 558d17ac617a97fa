//! Events that name others which we lack: these are fetched, or the room's state before them, from the servers of the room.

mod auth;
mod between;
mod places;
mod state;

use ruma::{
    OwnedServerName, ServerName,
    api::{OutgoingRequest, error::Error as MatrixError, path_builder::SinglePath},
    room_version_rules::RoomVersionRules,
};
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::Pdu,
        federation::{Deadline, FederationError, client::Sign},
        rooms::{Acceptance, RoomsError},
    },
    store::RoomRow,
};

use super::Inbound;

use self::places::Place;
pub(super) use self::places::Places;

/// Servers asked for what one event needs.
const SERVERS: usize = 3;
/// An event is tried so often before a state with holes is taken for the state before it.
pub(super) const PATIENT: u32 = 3;

/// Who is asked for what an event needs: first the server that sent it.
pub(super) struct Helpers {
    servers: Vec<OwnedServerName>,
    /// Whether a state must come whole.
    patient: bool,
}

impl Helpers {
    pub async fn new(
        inbound: &Inbound,
        room: &RoomRow,
        origin: &ServerName,
        attempts: u32,
    ) -> Result<Self, RoomsError> {
        let mut servers = vec![origin.to_owned()];
        servers.extend(inbound.rooms.servers_of(room.sn).await?.into_iter().filter(|server| server != origin));
        servers.truncate(SERVERS);
        Ok(Self { servers, patient: attempts < PATIENT })
    }

    /// Nobody but this server.
    pub fn only(server: &ServerName) -> Self {
        Self::one(server, false)
    }

    /// The same, whether or not its state must come whole.
    pub fn one(server: &ServerName, patient: bool) -> Self {
        Self { servers: vec![server.to_owned()], patient }
    }
}

impl Inbound {
    /// Brings an event into its room, if everything that it names is here.
    pub(super) async fn accept_whole(&self, room: &RoomRow, event: Pdu) -> Result<bool, RoomsError> {
        Ok(!matches!(self.rooms.accept_remote(&room.room_id, event, None).await?, Acceptance::Missing { .. }))
    }

    /// Brings an event into its room, with whatever it needs.
    pub(super) async fn accept(
        &self,
        helpers: &Helpers,
        room: &RoomRow,
        rules: &RoomVersionRules,
        event: Pdu,
    ) -> Result<(), RoomsError> {
        let again = Again::of(&event)?;
        let Acceptance::Missing { prev, auth } = self.rooms.accept_remote(&room.room_id, event, None).await? else {
            return Ok(());
        };
        if !auth.is_empty() {
            self.fetch_auth(helpers, room, rules, &again).await?;
        }
        if !prev.is_empty() {
            self.fill_between(helpers, room, rules, &again).await?;
        }
        let event = self.rooms.verified(rules, &again.json).await?;
        let Acceptance::Missing { prev, auth } = self.rooms.accept_remote(&room.room_id, event, None).await? else {
            return Ok(());
        };
        if !auth.is_empty() {
            return Err(RoomsError::BadEvent("The events that it rests on cannot be had".to_owned()));
        }
        tracing::info!(room_id = %room.room_id, event_id = %again.event_id, missing = prev.len(), "History is missing before an event; its state is fetched.");
        self.accept_over_hole(helpers, room, rules, &again).await.map(|_| ())
    }

    /// Takes an event whose parents cannot be had, in the state that another server tells.
    async fn accept_over_hole(
        &self,
        helpers: &Helpers,
        room: &RoomRow,
        rules: &RoomVersionRules,
        again: &Again,
    ) -> Result<(), RoomsError> {
        let state = self.fetch_state(helpers, room, rules, &again.event_id).await?;
        let event = self.rooms.verified(rules, &again.json).await?;
        match self.rooms.accept_remote(&room.room_id, event, Some(state)).await? {
            Acceptance::Missing { .. } => {
                Err(RoomsError::BadEvent("The events that it rests on cannot be had".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Asks one server after the other until one answers. What all of them refuse cannot be had; what one of them may still give is
    /// waited for. The answer's place in memory is to be held as long as it is there.
    async fn ask<R>(
        &self,
        helpers: &Helpers,
        request: impl Fn() -> R,
        deadline: Deadline,
    ) -> Result<(R::IncomingResponse, Place), RoomsError>
    where
        R: OutgoingRequest<PathBuilder = SinglePath, EndpointError = MatrixError>,
        R::Authentication: Sign,
    {
        let mut unavailable = None;
        for server in &helpers.servers {
            let place = self.places.take(server, deadline).await?;
            match self.federation.client.request(server, request(), deadline).await {
                Ok(answer) => return Ok((answer, place)),
                Err(FederationError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::info!(server = %server, %error, "A server does not give what an event needs.");
                    if error.is_unavailable() {
                        unavailable = Some(error.to_string());
                    }
                }
            }
        }
        Err(match unavailable {
            Some(reason) => RoomsError::Unreachable(reason),
            None => RoomsError::BadEvent("What it rests on cannot be had".to_owned()),
        })
    }
}

/// An event that is judged more than once.
struct Again {
    event_id: ruma::OwnedEventId,
    prev_events: Vec<ruma::OwnedEventId>,
    auth_events: Vec<ruma::OwnedEventId>,
    depth: i64,
    json: Box<RawValue>,
}

impl Again {
    fn of(event: &Pdu) -> Result<Self, RoomsError> {
        let json =
            RawValue::from_string(event.json.clone()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        Ok(Self {
            event_id: event.event_id.clone(),
            prev_events: event.prev_events.clone(),
            auth_events: event.auth_events.clone(),
            depth: event.depth,
            json,
        })
    }
}
