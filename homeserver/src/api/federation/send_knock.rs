//! PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}: another server's user asks to be let in.

use ruma::api::federation::membership::{
    RawStrippedState,
    create_knock_event::v1::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
};

pub async fn send_knock(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let state = inbound.admit_knock(&request.sender, &request.room_id, &request.event_id, &request.pdu).await?;
    Ok(Response::new(state.into_iter().map(RawStrippedState::Pdu).collect()))
}
