//! The directory of published rooms.

pub mod get_public_rooms;
pub mod get_public_rooms_filtered;

use ruma::{OwnedServerName, UInt};

use crate::{
    api::error::ApiError,
    domain::rooms::{DirectoryPage, DirectoryQuery, Rooms},
};

/// A page of our directory or of another server's.
async fn read(
    rooms: &Rooms,
    server: Option<&OwnedServerName>,
    query: DirectoryQuery,
) -> Result<DirectoryPage, ApiError> {
    match server.filter(|server| **server != *rooms.server_name()) {
        Some(server) => Ok(rooms.directory_of(server, query).await?),
        None => Ok(rooms.directory(&query, false).await?),
    }
}

fn size(limit: UInt) -> usize {
    usize::try_from(u64::from(limit)).unwrap_or(usize::MAX)
}
