//! POST /_matrix/client/v3/rooms/{roomId}/invite: invites a user.

use ruma::api::client::membership::invite_user::v3::{InvitationRecipient, Request, Response};
use serde::Deserialize;

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

#[derive(Deserialize)]
struct Reason {
    reason: Option<String>,
}

pub async fn invite_user(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let user_id = match &request.recipient {
        InvitationRecipient::UserId(recipient) => recipient.user_id.clone(),
        _ => return Err(ApiError::forbidden("This server invites nobody by e-mail or telephone")),
    };
    let reason = serde_json::from_slice::<Reason>(&request.body).ok().and_then(|body| body.reason);
    rooms.invite(&request.sender.local_user(), &request.room_id, &user_id, reason, false).await?;
    Ok(Response::new())
}
