//! POST /_matrix/client/v3/rooms/{roomId}/forget: the user does not want to see a room any more that they left.

use ruma::api::client::membership::forget_room::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

pub async fn forget_room(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    rooms.forget(&request.sender.local_user(), &request.room_id).await?;
    Ok(Response::new())
}
