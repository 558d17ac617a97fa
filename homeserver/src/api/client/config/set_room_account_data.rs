//! PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}: sets account data of one type.

use ruma::api::client::config::set_room_account_data::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    store::{Durability, Store},
};

pub async fn set_room_account_data(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    super::own(&request.sender, &request.user_id)?;
    let data_type = request.event_type.to_string();
    super::writable(&data_type)?;
    let content = request.data.json().get().to_owned();
    super::object(&content)?;
    let room = store.read().await?.room_sn(&request.room_id).await?;
    let room = room.ok_or_else(|| ApiError::not_found("This server does not know the room"))?;
    let user = request.sender.user;
    store
        .write::<_, ApiError, _>(Durability::Full, move |tx| {
            Box::pin(async move { super::set(tx, user, room, &data_type, &content).await })
        })
        .await?;
    Ok(Response::new())
}
