//! GET /_matrix/client/v3/directory/room/{roomAlias}: the room of an alias.

use ruma::api::client::alias::get_alias::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

pub async fn get_alias(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let (room_id, servers) = rooms.resolve_alias(&request.room_alias).await?;
    Ok(Response::new(room_id, servers))
}
