//! PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}: puts a tag on a room.

use ruma::api::client::tag::create_tag::v3::{Request, Response};
use serde_json::Value;

use crate::{
    api::{client::config::own, error::ApiError, ruma_route::Ruma},
    store::Store,
};

pub async fn create_tag(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    own(&request.sender, &request.user_id)?;
    let Request { room_id, tag, tag_info, .. } = request.request;
    if tag.len() > super::LONGEST {
        return Err(ApiError::invalid_param("A tag has at most 255 bytes"));
    }
    let info = serde_json::to_value(&tag_info).unwrap_or(Value::Null);
    let room = super::room(&store, &room_id).await?;
    super::change(&store, request.sender, room, move |tags| {
        if tags.len() >= super::MOST && !tags.contains_key(&tag) {
            return Err(ApiError::invalid_param("The room has too many tags"));
        }
        tags.insert(tag, info);
        Ok(())
    })
    .await?;
    Ok(Response::new())
}
