//! POST /_matrix/client/v3/rooms/{roomId}/invite: invites a user, or whoever has an address.

use ruma::api::client::membership::invite_user::v3::{InvitationRecipient, Request, Response};
use serde::Deserialize;

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        accounts::{Accounts, Limit},
        identity_servers::IdentityServers,
        rooms::Rooms,
    },
};

use super::invite_by_address;

#[derive(Deserialize)]
struct Reason {
    reason: Option<String>,
}

pub async fn invite_user(
    (rooms, accounts, servers): (Rooms, Accounts, IdentityServers),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let by = request.sender.local_user();
    let reason = serde_json::from_slice::<Reason>(&request.body).ok().and_then(|body| body.reason);
    match &request.recipient {
        InvitationRecipient::UserId(recipient) => {
            rooms.invite(&by, &request.room_id, &recipient.user_id, reason, false).await?;
        }
        InvitationRecipient::ThirdPartyId(recipient) => {
            let invite = invite_by_address(&servers, recipient)?;
            accounts.limits().take(&format!("invite by address {}", by.user_id), Limit::INVITE_BY_ADDRESS)?;
            rooms.invite_by_address(&servers, &by, &request.room_id, invite, reason).await?;
        }
        _ => return Err(ApiError::bad_json("The body names neither a user nor an address")),
    }
    Ok(Response::new())
}
