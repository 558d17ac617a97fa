//! PUT /_matrix/client/v3/user/{userId}/account_data/{type}: sets account data of one type.

use ruma::api::client::config::set_global_account_data::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    store::{Durability, RoomSn, Store},
};

pub async fn set_global_account_data(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    super::own(&request.sender, &request.user_id)?;
    let data_type = request.event_type.to_string();
    super::writable(&data_type)?;
    let content = request.data.json().get().to_owned();
    super::object(&content)?;
    let user = request.sender.user;
    store
        .write::<_, ApiError, _>(Durability::Full, move |tx| {
            Box::pin(async move { super::set(tx, user, RoomSn::GLOBAL, &data_type, &content).await })
        })
        .await?;
    Ok(Response::new())
}
