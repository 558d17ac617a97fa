//! GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags: the tags of a room.

use ruma::api::client::tag::get_tags::v3::{Request, Response};

use crate::{
    api::{client::config::own, error::ApiError, ruma_route::Ruma},
    store::Store,
};

pub async fn get_tags(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    own(&request.sender, &request.user_id)?;
    let mut db = store.read().await?;
    let tags = match db.room_sn(&request.room_id).await? {
        Some(room) => super::tags(&mut db, &request.sender, room).await?,
        None => serde_json::Map::new(),
    };
    // Clients write account data as they like: what is no tag is left out.
    let tags = tags.into_iter().filter_map(|(name, tag)| Some((name.into(), serde_json::from_value(tag).ok()?)));
    Ok(Response::new(tags.collect()))
}
