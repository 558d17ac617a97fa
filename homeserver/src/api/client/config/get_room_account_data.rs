//! GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}: account data of one type.

use ruma::{
    api::client::config::get_room_account_data::v3::{Request, Response},
    serde::Raw,
};
use serde_json::value::RawValue;

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    store::{Store, StoreError},
};

pub async fn get_room_account_data(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    super::own(&request.sender, &request.user_id)?;
    let mut db = store.read().await?;
    let Some(room) = db.room_sn(&request.room_id).await? else {
        return Err(ApiError::not_found("There is no account data of this type"));
    };
    let content = db.account_data(request.sender.user, room, &request.event_type.to_string()).await?;
    let content = content.ok_or_else(|| ApiError::not_found("There is no account data of this type"))?;
    let content = RawValue::from_string(content).map_err(|_| StoreError::Damaged("account data"))?;
    Ok(Response::new(Raw::from_json(content)))
}
