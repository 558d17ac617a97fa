//! GET /_matrix/client/v3/user/{userId}/filter/{filterId}: a stored filter.

use ruma::api::client::filter::get_filter::v3::{Request, Response};

use crate::{
    api::{client::config::own, error::ApiError, ruma_route::Ruma},
    store::{Store, StoreError},
};

pub async fn get_filter(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    own(&request.sender, &request.user_id)?;
    let missing = || ApiError::not_found("There is no such filter");
    let id = request.filter_id.parse().map_err(|_| missing())?;
    let filter = store.read().await?.filter(request.sender.user, id).await?.ok_or_else(missing)?;
    Ok(Response::new(serde_json::from_str(&filter).map_err(|_| StoreError::Damaged("a filter"))?))
}
