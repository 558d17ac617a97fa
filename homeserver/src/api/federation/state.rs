//! GET /_matrix/federation/v1/state/{roomId}: a room's state before an event.

use ruma::api::federation::event::get_room_state::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
};

pub async fn get_state(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let found = inbound.state(&request.sender, &request.room_id, &request.event_id).await?;
    Ok(Response::new(found.auth_chain, found.state))
}
