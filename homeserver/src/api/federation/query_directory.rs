//! GET /_matrix/federation/v1/query/directory: the room of one of our aliases.

use ruma::{
    OwnedServerName,
    api::federation::query::get_room_information::v1::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

/// Servers that are named.
const SERVERS: usize = 50;

pub async fn query_directory(
    (rooms, server_name): (Rooms, OwnedServerName),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    if request.room_alias.server_name() != server_name {
        return Err(ApiError::invalid_param("The alias is not of this server"));
    }
    let (room_id, mut servers) = rooms.resolve_alias(&request.room_alias).await?;
    servers.truncate(SERVERS);
    Ok(Response::new(room_id, servers))
}
