//! GET /_matrix/client/v3/joined_rooms: the rooms that the user is in.

use ruma::api::client::membership::joined_rooms::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

pub async fn joined_rooms(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(rooms.joined_rooms(request.sender.user).await?))
}
