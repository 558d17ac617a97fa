//! GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags: the tags of a room.

use ruma::api::client::tag::get_tags::v3::{Request, Response};
use serde_json::Value;

use crate::{
    api::{client::config::own, error::ApiError, ruma_route::Ruma},
    store::{Store, StoreError},
};

pub async fn get_tags(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    own(&request.sender, &request.user_id)?;
    let mut db = store.read().await?;
    let tags = match db.room_sn(&request.room_id).await? {
        Some(room) => super::tags(&mut db, &request.sender, room).await?,
        None => serde_json::Map::new(),
    };
    Ok(Response::new(serde_json::from_value(Value::Object(tags)).map_err(|_| StoreError::Damaged("tags"))?))
}
