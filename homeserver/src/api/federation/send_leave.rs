//! PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}: another server's user leaves or refuses an invite.

use ruma::api::federation::membership::create_leave_event::v2::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
    store::Membership,
};

pub async fn send_leave(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    inbound.admit(&request.sender, &request.room_id, &request.event_id, &request.pdu, Membership::Leave).await?;
    Ok(Response::new())
}
