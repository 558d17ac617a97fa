//! GET /_matrix/federation/v1/backfill/{roomId}: events and those before them.

use ruma::{
    OwnedServerName,
    api::federation::backfill::get_backfill::v1::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    clock::Clock,
    domain::inbound::Inbound,
};

pub async fn backfill(
    (inbound, clock, server_name): (Inbound, Clock, OwnedServerName),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    let limit = usize::try_from(u64::from(request.limit)).unwrap_or(usize::MAX);
    let events = inbound.backfill(&request.sender, &request.room_id, &request.v, limit).await?;
    Ok(Response::new(server_name, clock.now(), events))
}
