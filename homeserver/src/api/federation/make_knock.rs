//! GET /_matrix/federation/v1/make_knock/{roomId}/{userId}: the event that another server's user may sign to knock.

use ruma::api::federation::membership::prepare_knock_event::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
    store::Membership,
};

use super::incompatible_version;

pub async fn make_knock(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let proposal = inbound.propose(&request.sender, &request.room_id, &request.user_id, Membership::Knock).await?;
    if !request.ver.contains(&proposal.version) {
        return Err(incompatible_version(&proposal.version));
    }
    Ok(Response::new(proposal.version, proposal.event))
}
