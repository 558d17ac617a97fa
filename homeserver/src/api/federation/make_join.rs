//! GET /_matrix/federation/v1/make_join/{roomId}/{userId}: the event that another server's user may sign to join.

use ruma::api::federation::membership::prepare_join_event::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
    store::Membership,
};

use super::incompatible_version;

pub async fn make_join(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let proposal = inbound.propose(&request.sender, &request.room_id, &request.user_id, Membership::Join).await?;
    if !request.ver.contains(&proposal.version) {
        return Err(incompatible_version(&proposal.version));
    }
    let mut response = Response::new(proposal.event);
    response.room_version = Some(proposal.version);
    Ok(response)
}
