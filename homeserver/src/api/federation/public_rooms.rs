//! GET, POST /_matrix/federation/v1/publicRooms: our directory for other servers, where the settings let them read it.

use std::sync::Arc;

use ruma::{
    UInt,
    api::federation::directory::{get_public_rooms, get_public_rooms_filtered},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    config::Config,
    domain::rooms::{DirectoryPage, DirectoryQuery, Rooms},
};

pub async fn get_public_rooms(
    (rooms, config): (Rooms, Arc<Config>),
    request: Ruma<get_public_rooms::v1::Request>,
) -> Result<get_public_rooms::v1::Response, ApiError> {
    let query = DirectoryQuery {
        limit: request.limit.map(size),
        since: request.since.clone(),
        network: request.room_network.clone(),
        ..DirectoryQuery::default()
    };
    let page = read(&rooms, &config, &query).await?;
    let mut response = get_public_rooms::v1::Response::new();
    response.chunk = page.rooms;
    (response.next_batch, response.prev_batch) = (page.next_batch, page.prev_batch);
    response.total_room_count_estimate = page.total.and_then(|total| UInt::try_from(total).ok());
    Ok(response)
}

/// POST /_matrix/federation/v1/publicRooms: the same, for rooms that fit a filter.
pub async fn get_public_rooms_filtered(
    (rooms, config): (Rooms, Arc<Config>),
    request: Ruma<get_public_rooms_filtered::v1::Request>,
) -> Result<get_public_rooms_filtered::v1::Response, ApiError> {
    let query = DirectoryQuery {
        limit: request.limit.map(size),
        since: request.since.clone(),
        filter: request.filter.clone(),
        network: request.room_network.clone(),
    };
    let page = read(&rooms, &config, &query).await?;
    let mut response = get_public_rooms_filtered::v1::Response::new();
    response.chunk = page.rooms;
    (response.next_batch, response.prev_batch) = (page.next_batch, page.prev_batch);
    response.total_room_count_estimate = page.total.and_then(|total| UInt::try_from(total).ok());
    Ok(response)
}

async fn read(rooms: &Rooms, config: &Config, query: &DirectoryQuery) -> Result<DirectoryPage, ApiError> {
    if !config.public_rooms_over_federation {
        return Err(ApiError::forbidden("This server's directory is not for other servers"));
    }
    Ok(rooms.directory(query, true).await?)
}

fn size(limit: UInt) -> usize {
    usize::try_from(u64::from(limit)).unwrap_or(usize::MAX)
}
