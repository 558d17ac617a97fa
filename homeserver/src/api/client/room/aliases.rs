//! GET /_matrix/client/v3/rooms/{roomId}/aliases: the aliases that this server keeps for a room.

use ruma::api::client::room::aliases::v3::{Request, Response};

use super::readable;
use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::rooms::Rooms,
};

pub async fn aliases(rooms: Rooms, request: Ruma<Request>) -> Result<Response, ApiError> {
    let (room, _) = readable(&rooms, &request.sender, &request.room_id).await?;
    let aliases = rooms.store().read().await?.aliases(room.sn).await?;
    Ok(Response::new(aliases))
}
