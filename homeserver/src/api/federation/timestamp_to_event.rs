//! GET /_matrix/federation/v1/timestamp_to_event/{roomId}: the event nearest to a time.

use ruma::api::federation::event::get_event_by_timestamp::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::inbound::Inbound,
};

pub async fn timestamp_to_event(inbound: Inbound, request: Ruma<Request>) -> Result<Response, ApiError> {
    let found = inbound.event_by_time(&request.sender, &request.room_id, request.ts, request.dir).await?;
    Ok(Response::new(found.0, found.1))
}
