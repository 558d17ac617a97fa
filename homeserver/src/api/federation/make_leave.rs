//! GET /_matrix/federation/v1/make_leave/{roomId}/{userId}: the event that another server's user may sign to leave.

use ruma::api::federation::membership::prepare_leave_event::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
    store::Membership,
};

pub async fn make_leave(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let proposal = inbound.propose(&request.sender, &request.room_id, &request.user_id, Membership::Leave).await?;
    Ok(Response::new(Some(proposal.version), proposal.event))
}
