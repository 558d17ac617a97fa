//! GET /_matrix/federation/v1/event/{eventId}: one event.

use ruma::{
    OwnedServerName,
    api::federation::event::get_event::v1::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::inbound::Inbound,
};

pub async fn get_event(
    (inbound, clock, server_name): (Inbound, Clock, OwnedServerName),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let event = inbound.event(&request.sender, &request.event_id).await?;
    Ok(Response::new(server_name, clock.now(), event))
}
