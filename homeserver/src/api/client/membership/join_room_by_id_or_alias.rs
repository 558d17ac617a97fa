//! POST /_matrix/client/v3/join/{roomIdOrAlias}: joins a room by its id or one of its aliases.

use ruma::{
    CanonicalJsonObject,
    api::client::membership::join_room_by_id_or_alias::v3::{Request, Response},
};

use crate::{
    api::{client::room::by_id_or_alias, error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

pub async fn join_room_by_id_or_alias(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let (room_id, via) = by_id_or_alias(&rooms, &request.room_id_or_alias, &request.via).await?;
    let user = request.sender.local_user();
    rooms.join(&user, &room_id, &via, request.reason.clone(), CanonicalJsonObject::new()).await?;
    Ok(Response::new(room_id))
}
