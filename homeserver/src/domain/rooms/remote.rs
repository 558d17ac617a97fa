//! What needs other servers: entering rooms that we are not in, leaving and knocking from outside, inviting, fetching history.

mod backfill;
mod by_time;
mod host;
mod invite;
mod join;
mod knock;
mod leave;
mod receive_invite;
mod template;
mod withdrawn;

use ruma::{
    OwnedRoomId, OwnedServerName, RoomAliasId, RoomId,
    api::federation::query::get_room_information::v1 as get_directory,
};

use crate::{
    domain::{
        events::Pdu,
        federation::{Deadline, FederationError},
    },
    store::{Durability, RoomSn, ServerSn, StoreError},
};

use super::{Acceptance, Rooms, RoomsError};

pub use self::{
    host::{Arrival, Proposal},
    receive_invite::{ReceivedInvite, StrippedOrPdu},
};

/// Servers that are asked one after the other to help with one thing.
const SERVERS: usize = 8;

impl Rooms {
    /// Brings an event into its room that did not come by a transaction and tells the room's other servers of it.
    async fn accept_and_tell(
        &self,
        room: RoomSn,
        room_id: &RoomId,
        event: Pdu,
        except: &[ServerSn],
    ) -> Result<(), RoomsError> {
        let event_id = event.event_id.clone();
        let before = self.store.read().await?.joined_servers(room).await?;
        match self.accept_remote(room_id, event, None).await? {
            Acceptance::Accepted => {}
            Acceptance::Known => return Ok(()),
            Acceptance::SoftFailed => {
                return Err(RoomsError::Forbidden("The room does not allow it any more".to_owned()));
            }
            Acceptance::Rejected(reason) => return Err(RoomsError::Forbidden(reason)),
            Acceptance::Missing { .. } => {
                return Err(RoomsError::BadEvent("The event names others that this server does not have".to_owned()));
            }
        }
        let except = except.to_vec();
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move {
                    let Some(event) = tx.event(&event_id).await? else { return Ok(()) };
                    let Some(position) = event.position else { return Ok(()) };
                    let mut servers = tx.joined_servers(room).await?;
                    servers.extend(before);
                    servers.sort();
                    servers.dedup();
                    servers.retain(|server| !except.contains(server));
                    tx.owe_event(room, position, event.sn, &servers).await
                })
            })
            .await?;
        Ok(())
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
    pub(super) async fn servers_of(&self, room: RoomSn) -> Result<Vec<OwnedServerName>, RoomsError> {
        let mut db = self.store.read().await?;
        let mut names = Vec::new();
        for server in db.joined_servers(room).await? {
            if server != ServerSn::OURS && names.len() < SERVERS {
                names.push(db.server_name(server).await?);
            }
        }
        // Whoever is known to be away is asked last.
        names.sort_by_key(|name| self.federation.destinations.retry_at(name));
        Ok(names)
    }
}
