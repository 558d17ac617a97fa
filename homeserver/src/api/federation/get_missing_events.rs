//! POST /_matrix/federation/v1/get_missing_events/{roomId}: events between two ends of what a server has.

use ruma::api::federation::event::get_missing_events::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::{Gap, Inbound},
};

pub async fn get_missing_events(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let gap = Gap {
        earliest: request.earliest_events.clone(),
        latest: request.latest_events.clone(),
        limit: usize::try_from(u64::from(request.limit)).unwrap_or(usize::MAX),
        min_depth: request.min_depth.into(),
    };
    Ok(Response::new(inbound.missing_events(&request.sender, &request.room_id, &gap).await?))
}
