//! POST /_matrix/client/v3/knock/{roomIdOrAlias}: asks to be let into a room.

use ruma::api::client::knock::knock_room::v3::{Request, Response};

use crate::{
    api::{client::room::by_id_or_alias, error::ApiError, ruma_route::Ruma},
    domain::rooms::{Rooms, RoomsError},
};

pub async fn knock_room(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    request.sender.not_suspended()?;
    let (room_id, via) = by_id_or_alias(&rooms, &request.room_id_or_alias, &request.via).await?;
    match rooms.knock(&request.sender.local_user(), &room_id, &via, request.reason.clone()).await {
        Err(RoomsError::UnknownRoom) => Err(ApiError::not_found("No such room was found")),
        other => Ok(other.map(|()| Response::new(room_id))?),
    }
}
