//! PUT /_matrix/federation/v1/3pid/onbind: an identity server tells that an address is a user's of ours now, and which invites it kept.

use ruma::api::federation::thirdparty::bind_callback::v1::{Request, Response};

use crate::{
    api::{error::ApiError, parts::Parts, peer::peer_key, ruma_route::Ruma},
    domain::inbound::KeptInvite,
};

/// Invites that one address has.
const INVITES: usize = 100;

pub async fn on_bind(parts: Parts, request: Ruma<Request>) -> Result<Response, ApiError> {
    // Anybody may say so; what counts is signed.
    if let Some(key) = peer_key(&request.head.extensions) {
        parts.accounts.count_request(&key)?;
    }
    if request.invites.len() > INVITES {
        return Err(ApiError::too_large("Too many invites at once"));
    }
    let mut invites = Vec::with_capacity(request.invites.len());
    for invite in &request.invites {
        if invite.mxid != request.mxid {
            return Err(ApiError::invalid_param("An invite is for another user"));
        }
        let signed = serde_json::from_str(invite.signed.json().get());
        let signed = signed.map_err(|error| ApiError::bad_json(error.to_string()))?;
        invites.push(KeptInvite { room_id: invite.room_id.clone(), sender: invite.sender.clone(), signed });
    }
    parts.inbound.bound(&request.mxid, invites).await?;
    Ok(Response::new())
}
