//! POST /_matrix/client/v3/publicRooms: a server's published rooms that fit a filter.

use ruma::{
    UInt,
    api::client::directory::get_public_rooms_filtered::v3::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{
        accounts::{Accounts, Limit},
        rooms::{DirectoryQuery, Rooms},
    },
};

use super::{read, size};

pub async fn get_public_rooms_filtered(
    (rooms, accounts): (Rooms, Accounts),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    request.sender.take(&accounts, "rooms", Limit::LOOK_UP)?;
    let query = DirectoryQuery {
        limit: request.limit.map(size),
        since: request.since.clone(),
        filter: request.filter.clone(),
        network: request.room_network.clone(),
    };
    let page = read(&rooms, request.server.as_ref(), query).await?;
    let mut response = Response::new();
    response.chunk = page.rooms;
    (response.next_batch, response.prev_batch) = (page.next_batch, page.prev_batch);
    response.total_room_count_estimate = page.total.and_then(|total| UInt::try_from(total).ok());
    Ok(response)
}
