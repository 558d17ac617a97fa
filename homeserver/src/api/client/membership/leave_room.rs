//! POST /_matrix/client/v3/rooms/{roomId}/leave: leaves a room, or refuses its invite.

use ruma::api::client::membership::leave_room::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

pub async fn leave_room(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    rooms.leave(&request.sender.local_user(), &request.room_id, request.reason.clone()).await?;
    Ok(Response::new())
}
