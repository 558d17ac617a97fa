//! GET /_matrix/client/v3/directory/room/{roomAlias}: the room of an alias.

use ruma::api::client::alias::get_alias::v3::{Request, Response};

use crate::{
    api::{error::ApiError, peer::peer_key, ruma_route::Ruma},
    domain::{
        accounts::{Accounts, Limit},
        rooms::Rooms,
    },
};

pub async fn get_alias((rooms, accounts): (Rooms, Accounts), request: Ruma<Request>) -> Result<Response, ApiError> {
    // Nobody signs in for this, and other servers are asked for it.
    if let Some(key) = peer_key(&request.head.extensions) {
        accounts.limits().take(&format!("alias {key}"), Limit::LOOK_UP)?;
    }
    let (room_id, servers) = rooms.resolve_alias(&request.room_alias).await?;
    Ok(Response::new(room_id, servers))
}
