//! What needs other servers: entering rooms that we are not in, leaving and knocking from outside, inviting, fetching history.

mod backfill;
mod by_time;
mod host;
mod invite;
mod join;
mod knock;
mod leave;
mod offered_state;
mod receive_invite;
mod template;
mod third_party;
mod withdrawn;

use rand::seq::SliceRandom as _;
use ruma::{
    OwnedRoomId, OwnedServerName, RoomAliasId, RoomId,
    api::federation::query::get_room_information::v1 as get_directory,
};

use crate::{
    domain::{
        events::Pdu,
        federation::{Deadline, FederationError},
    },
    store::{RoomSn, ServerSn},
};

use super::{Acceptance, Rooms, RoomsError, append::Owed};

pub use self::{
    host::{Arrival, Proposal},
    receive_invite::{ReceivedInvite, StrippedOrPdu},
    third_party::BoundInvite,
};

/// Servers that are asked one after the other to help with one thing.
const SERVERS: usize = 8;
/// Servers among which those are chosen.
const LOOKED_AT: usize = 200;

impl Rooms {
    /// Brings an event into its room that did not come by a transaction and tells the room's other servers of it.
    async fn accept_and_tell(&self, room_id: &RoomId, event: Pdu, except: &[ServerSn]) -> Result<(), RoomsError> {
        match self.accept_owed(room_id, event, None, Owed::AllBut(except.to_vec())).await? {
            Acceptance::Accepted | Acceptance::Known => Ok(()),
            Acceptance::SoftFailed => Err(RoomsError::Forbidden("The room does not allow it any more".to_owned())),
            Acceptance::Rejected(reason) => Err(RoomsError::Forbidden(reason)),
            Acceptance::Missing { .. } => {
                Err(RoomsError::BadEvent("The event names others that this server does not have".to_owned()))
            }
        }
    }

    /// Asks the alias's own server which room it is, and who is in it.
    pub(super) async fn resolve_remote_alias(
        &self,
        alias: &RoomAliasId,
    ) -> Result<(OwnedRoomId, Vec<OwnedServerName>), RoomsError> {
        let server = alias.server_name();
        let request = get_directory::Request::new(alias.to_owned());
        match self.federation.client.request_now(server, request, Deadline::Query).await {
            Ok(answer) => {
                let mut servers = answer.servers;
                servers.truncate(100);
                if !servers.iter().any(|known| known == server) {
                    servers.push(server.to_owned());
                }
                Ok((answer.room_id, servers))
            }
            Err(FederationError::Store(error)) => Err(error.into()),
            Err(FederationError::Refused(error)) if error.status_code.is_client_error() => {
                Err(RoomsError::UnknownAlias)
            }
            Err(error) => Err(RoomsError::Unreachable(error.to_string())),
        }
    }

    /// Names of other servers in a room, at most as many as are asked.
    pub(in crate::domain) async fn servers_of(&self, room: RoomSn) -> Result<Vec<OwnedServerName>, RoomsError> {
        self.some_servers_of(room, SERVERS).await
    }

    /// The same, of at most `most`.
    pub(in crate::domain) async fn some_servers_of(
        &self,
        room: RoomSn,
        most: usize,
    ) -> Result<Vec<OwnedServerName>, RoomsError> {
        let mut db = self.store.read().await?;
        let mut servers = db.joined_servers(room).await?;
        servers.retain(|server| *server != ServerSn::OURS);
        // No server is asked by everybody, and none by its number alone.
        servers.shuffle(&mut rand::rng());
        let (mut names, mut away) = (Vec::new(), Vec::new());
        for server in servers.into_iter().take(LOOKED_AT) {
            let name = db.server_name(server).await?;
            match self.federation.destinations.retry_at(&name) {
                None => names.push(name),
                Some(retry_ts) => away.push((retry_ts, name)),
            }
            if names.len() == most {
                break;
            }
        }
        // Whoever is known to be away is asked last.
        away.sort();
        names.extend(away.into_iter().map(|(_, name)| name));
        names.truncate(most);
        Ok(names)
    }
}

#[cfg(test)]
mod tests;
