//! GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}: the events that an event rests on.

use ruma::api::federation::authorization::get_event_authorization::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
};

pub async fn get_event_auth(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(inbound.event_auth(&request.sender, &request.room_id, &request.event_id).await?))
}
