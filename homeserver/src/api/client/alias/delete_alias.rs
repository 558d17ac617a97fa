//! DELETE /_matrix/client/v3/directory/room/{roomAlias}: takes an alias away.

use ruma::api::client::alias::delete_alias::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{appservices::Appservices, rooms::Rooms},
    store::{Durability, StoreError},
};

pub async fn delete_alias(
    (rooms, appservices): (Rooms, Appservices),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    super::check_owner(&appservices, &request.sender, &request.room_alias)?;
    let (room, creator) = {
        let mut db = rooms.store().read().await?;
        let found = db.alias(&request.room_alias).await?;
        let (room, creator) = found.ok_or_else(|| ApiError::not_found("There is no such alias"))?;
        (db.room(room).await?, creator)
    };
    let allowed = creator == request.sender.user
        || request.sender.admin
        || request.sender.appservice.is_some()
        || rooms.may_change_aliases(&request.sender.user_id, &room).await?;
    if !allowed {
        return Err(ApiError::forbidden("This alias was made by somebody else"));
    }
    let alias = request.room_alias.clone();
    rooms
        .store()
        .write::<_, StoreError, _>(Durability::Full, move |tx| Box::pin(async move { tx.remove_alias(&alias).await }))
        .await?;
    if let Err(error) = rooms.unname_alias(&request.sender.local_user(), &room, &request.room_alias).await {
        tracing::warn!(%error, "A deleted alias is still named by its room.");
    }
    Ok(Response::new())
}
