//! PUT /_matrix/client/v3/presence/{userId}/status: whether one is online, and a line about it.

use ruma::api::client::presence::set_presence::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::ephemeral::Ephemeral,
};

pub async fn set_presence(ephemeral: Ephemeral, request: Ruma<Request>) -> Result<Response, ApiError> {
    let sender = &request.sender;
    if request.user_id != sender.user_id {
        return Err(ApiError::forbidden("Nobody sets another's presence"));
    }
    super::known(&request.presence)?;
    ephemeral.set_presence(sender.user, &sender.user_id, request.presence.clone(), request.status_msg.clone()).await?;
    Ok(Response::new())
}
