//! Repair of a room whose state here is not what it is elsewhere: the state is asked of several servers and resolved with ours.

use ruma::{
    OwnedEventId, OwnedServerName, RoomId, ServerName, UserId,
    api::federation::{event::get_event::v1 as get_event, membership::prepare_leave_event::v1 as make_leave},
    room_version_rules::RoomVersionRules,
};
use serde::Deserialize;

use crate::{
    domain::{events::versions, federation::Deadline, rooms::RoomsError},
    store::RoomRow,
};

use super::{Inbound, missing::Helpers};

/// Servers whose state is taken into account.
const SERVERS: usize = 5;
/// Newest events that one server may name.
const HEADS: usize = 10;

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The servers that told their state.
    pub servers: Vec<OwnedServerName>,
    /// Event types and state keys of what changed here.
    pub changed: Vec<(String, String)>,
}

impl Inbound {
    /// Asks up to five servers for the state of a room as they have it now; what all these states and ours resolve to is the state here
    /// from now on. Nothing that the rules of the room do not allow comes in by it.
    pub async fn repair(&self, room_id: &RoomId) -> Result<Repaired, RoomsError> {
        let mut db = self.store.read().await?;
        let room = db.room_by_id(room_id).await?.ok_or(RoomsError::UnknownRoom)?;
        let rules = versions::rules(&room.version).ok_or(RoomsError::UnsupportedVersion)?;
        let user = db.local_joined_members(room.sn).await?.first().copied().ok_or(RoomsError::NotInRoom)?;
        let user_id = db.user_id(user).await?;
        drop(db);
        let mut servers = Vec::new();
        let mut told = Vec::new();
        let mut last = RoomsError::Unreachable("nobody else is in the room".to_owned());
        for server in self.rooms.servers_of(room.sn).await? {
            if servers.len() == SERVERS {
                break;
            }
            match self.states_at(&server, &room, &rules, &user_id).await {
                Ok(states) => {
                    told.extend(states);
                    servers.push(server);
                }
                Err(RoomsError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::info!(%room_id, server = %server, %error, "A server does not tell the state of a room.");
                    last = error;
                }
            }
        }
        if servers.is_empty() {
            return Err(last);
        }
        let changed = self.rooms.adopt_states(room_id, told).await?;
        tracing::info!(%room_id, servers = servers.len(), changed = changed.len(), "A room was repaired.");
        Ok(Repaired { servers, changed })
    }

    /// The state after each of a server's newest events of the room, which a leave that is never sent would follow.
    async fn states_at(
        &self,
        server: &ServerName,
        room: &RoomRow,
        rules: &RoomVersionRules,
        user_id: &UserId,
    ) -> Result<Vec<Vec<OwnedEventId>>, RoomsError> {
        #[derive(Deserialize)]
        struct Template {
            prev_events: Vec<OwnedEventId>,
        }
        let client = &self.federation.client;
        let request = make_leave::Request::new(room.room_id.clone(), user_id.to_owned());
        let template = client.request_now(server, request, Deadline::Query).await?.event;
        let template: Template =
            serde_json::from_str(template.get()).map_err(|error| RoomsError::Unreachable(error.to_string()))?;
        let helpers = Helpers::only(server);
        let mut states = Vec::new();
        for head in template.prev_events.into_iter().take(HEADS) {
            let mut state = self.fetch_state(&helpers, room, rules, &head).await?;
            let pdu = client.request_now(server, get_event::Request::new(head.clone()), Deadline::Query).await?.pdu;
            let event = self.rooms.verified(rules, &pdu).await?;
            if event.event_id == head && event.room_id == room.room_id && event.state_key.is_some() {
                self.rooms.accept_outliers(&room.room_id, &room.version, vec![event]).await?;
                state.push(head);
            }
            states.push(state);
        }
        Ok(states)
    }
}
