//! GET /_matrix/federation/v1/state_ids/{roomId}: a room's state before an event, by event ids.

use ruma::api::federation::event::get_room_state_ids::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
};

pub async fn get_state_ids(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let found = inbound.state_ids(&request.sender, &request.room_id, &request.event_id).await?;
    Ok(Response::new(found.auth_chain, found.state))
}
