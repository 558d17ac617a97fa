//! POST /_matrix/client/v3/join/{roomIdOrAlias}: joins a room by its id or one of its aliases.

use ruma::{
    CanonicalJsonObject, OwnedRoomId, OwnedServerName,
    api::client::membership::join_room_by_id_or_alias::v3::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

/// Most servers that are tried.
const VIA: usize = 20;

pub async fn join_room_by_id_or_alias(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let mut via: Vec<OwnedServerName> = request.via.iter().take(VIA).cloned().collect();
    let room_id = match OwnedRoomId::try_from(request.room_id_or_alias.clone()) {
        Ok(room_id) => room_id,
        Err(alias) => {
            let (room_id, servers) = rooms.resolve_alias(&alias).await?;
            via.extend(servers.into_iter().take(VIA));
            room_id
        }
    };
    let user = request.sender.local_user();
    rooms.join(&user, &room_id, &via, request.reason.clone(), CanonicalJsonObject::new()).await?;
    Ok(Response::new(room_id))
}
