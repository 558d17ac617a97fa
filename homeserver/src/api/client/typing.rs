//! PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}: whether one is typing.

use ruma::api::client::typing::create_typing_event::v3::{Request, Response, Typing};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::ephemeral::Ephemeral,
};

pub async fn create_typing_event(ephemeral: Ephemeral, request: Ruma<Request>) -> Result<Response, ApiError> {
    if request.user_id != request.sender.user_id {
        return Err(ApiError::forbidden("Nobody types for another"));
    }
    let time = match &request.state {
        Typing::Yes(info) => Some(info.timeout),
        Typing::No => None,
    };
    ephemeral.set_typing(request.sender.user, &request.sender.user_id, &request.room_id, time).await?;
    Ok(Response::new())
}
