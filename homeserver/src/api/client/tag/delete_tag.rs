//! DELETE /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}: takes a tag off a room.

use ruma::api::client::tag::delete_tag::v3::{Request, Response};

use crate::{
    api::{client::config::own, error::ApiError, ruma_route::Ruma},
    store::Store,
};

pub async fn delete_tag(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    own(&request.sender, &request.user_id)?;
    let Request { room_id, tag, .. } = request.request;
    let room = super::room(&store, &room_id).await?;
    super::change(&store, request.sender, room, move |tags| {
        tags.remove(&tag);
        Ok(())
    })
    .await?;
    Ok(Response::new())
}
