//! Refusing an invite, or taking a knock back, of a room that this server is not in.

use ruma::{
    CanonicalJsonObject, OwnedServerName, OwnedUserId, RoomId, ServerName,
    api::federation::membership::{create_leave_event::v2 as send_leave, prepare_leave_event::v1 as make_leave},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    domain::{
        events::{Pdu, versions},
        federation::Deadline,
        rooms::{LocalUser, Rooms, RoomsError},
    },
    store::{Durability, LocalMembership, Membership, StoreError},
};

impl Rooms {
    /// Tells the room's servers if any of them can be reached; the user has left in any case.
    pub(in crate::domain::rooms) async fn leave_remote(
        &self,
        user: &LocalUser,
        room_id: &RoomId,
        membership: &LocalMembership,
        reason: Option<String>,
    ) -> Result<(), RoomsError> {
        let mut content = CanonicalJsonObject::from([("membership".to_owned(), "leave".to_owned().into())]);
        if let Some(reason) = reason {
            content.insert("reason".to_owned(), reason.into());
        }
        let mut left = None;
        for server in helpers(room_id, membership, &self.server_name) {
            match self.leave_through(&server, user, room_id, content.clone()).await {
                Ok(leave) => {
                    left = Some(leave);
                    break;
                }
                Err(RoomsError::Store(error)) => return Err(error.into()),
                Err(error) => tracing::info!(%room_id, server = %server, %error, "A server did not help with leaving."),
            }
        }
        let (mut row, appservices) = (membership.clone(), self.appservices.clone());
        self.store
            .write::<_, StoreError, _>(Durability::Full, move |tx| {
                Box::pin(async move {
                    row.membership = Membership::Leave;
                    row.event_sn = None;
                    row.position = tx.next_position();
                    row.stripped_state = None;
                    row.invite_event = None;
                    if let Some(leave) = left {
                        let names = (&*leave.room_id, &*leave.event_id);
                        appservices.owe_outside(tx, row.user_sn, row.position, names, (&leave.json, None)).await?;
                    }
                    tx.put_local_membership(&row).await
                })
            })
            .await?;
        Ok(())
    }

    async fn leave_through(
        &self,
        server: &ServerName,
        user: &LocalUser,
        room_id: &RoomId,
        content: CanonicalJsonObject,
    ) -> Result<Pdu, RoomsError> {
        let client = &self.federation.client;
        let request = make_leave::Request::new(room_id.to_owned(), user.user_id.clone());
        let template = client.request_now(server, request, Deadline::Query).await?;
        let rules = template.room_version.as_ref().and_then(versions::rules).ok_or(RoomsError::UnsupportedVersion)?;
        let leave = self.fill_in(&template.event, &rules, room_id, &user.user_id, content, self.clock.now())?;
        let raw = RawValue::from_string(leave.json.clone()).map_err(|error| RoomsError::BadEvent(error.to_string()))?;
        let request = send_leave::Request::new(room_id.to_owned(), leave.event_id.clone(), raw);
        client.request_now(server, request, Deadline::Query).await?;
        Ok(leave)
    }
}

/// Servers in the room as far as the invite or the stripped state tells.
pub(super) fn helpers(room_id: &RoomId, membership: &LocalMembership, ours: &ServerName) -> Vec<OwnedServerName> {
    #[derive(Deserialize)]
    struct Sent {
        sender: OwnedUserId,
    }
    let invite = membership.invite_event.as_deref().and_then(|json| serde_json::from_str::<Sent>(json).ok());
    let stripped = membership.stripped_state.as_deref().and_then(|json| serde_json::from_str::<Vec<Sent>>(json).ok());
    let senders =
        invite.into_iter().chain(stripped.into_iter().flatten()).map(|sent| sent.sender.server_name().to_owned());
    let mut servers: Vec<OwnedServerName> = Vec::new();
    for server in senders.chain(room_id.server_name().map(ToOwned::to_owned)) {
        if server != ours && !servers.contains(&server) && servers.len() < super::SERVERS {
            servers.push(server);
        }
    }
    servers
}
