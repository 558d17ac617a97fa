//! PUT /_matrix/client/v3/directory/room/{roomAlias}: gives a room an alias.

use std::sync::Arc;

use http::StatusCode;
use ruma::api::{
    client::alias::create_alias::v3::{Request, Response},
    error::ErrorKind,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    config::Config,
    domain::{
        appservices::Appservices,
        rooms::{Rooms, RoomsError},
    },
    store::{Durability, StoreError},
};

/// The longest id, in bytes.
const LONGEST_ID: usize = 255;

pub async fn create_alias(
    (rooms, appservices, config): (Rooms, Appservices, Arc<Config>),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    if request.room_alias.server_name() != request.sender.user_id.server_name() {
        return Err(ApiError::invalid_param("Only aliases of this server can be made here"));
    }
    if request.room_alias.alias().is_empty() || request.room_alias.as_str().len() > LONGEST_ID {
        return Err(ApiError::invalid_param("An alias has a name, and at most 255 bytes"));
    }
    super::check_owner(&appservices, &request.sender, &request.room_alias)?;
    let (room, _) = crate::api::client::room::readable(&rooms, &request.sender, &request.room_id).await?;
    let user_id = &request.sender.user_id;
    let trusted = request.sender.admin || request.sender.appservice.is_some();
    let allowed = if config.aliases_by_anyone {
        rooms.store().read().await?.is_joined(&room.room_id, user_id).await?
    } else {
        rooms.may_change_aliases(user_id, &room).await?
    };
    if !trusted && !allowed {
        return Err(ApiError::forbidden("You may not name this room"));
    }
    let (alias, user) = (request.room_alias.clone(), request.sender.user);
    let made = rooms
        .store()
        .write::<_, StoreError, _>(Durability::Full, move |tx| {
            Box::pin(async move { tx.put_alias(&alias, room.sn, user).await })
        })
        .await?;
    if !made {
        let message = RoomsError::AliasTaken.to_string();
        return Err(ApiError::with_status(StatusCode::CONFLICT, ErrorKind::Unknown, message));
    }
    Ok(Response::new())
}
