//! POST /_matrix/client/v3/rooms/{roomId}/join: joins a room by its id.

use ruma::{
    CanonicalJsonObject,
    api::client::membership::join_room_by_id::v3::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

pub async fn join_room_by_id(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let user = request.sender.local_user();
    rooms.join(&user, &request.room_id, &[], request.reason.clone(), CanonicalJsonObject::new()).await?;
    Ok(Response::new(request.room_id.clone()))
}
