//! POST /_matrix/client/v3/user/{userId}/filter: stores a filter for later syncs.

use ruma::api::client::filter::create_filter::v3::{Request, Response};

use crate::{
    api::{client::config::own, error::ApiError, ruma_route::Ruma},
    store::{Durability, Store},
};

/// How many filters a user may have.
const MOST: i64 = 1000;
/// The largest filter, in bytes.
const LARGEST: usize = 64 * 1024;

pub async fn create_filter(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    own(&request.sender, &request.user_id)?;
    let filter = serde_json::to_string(&request.filter).map_err(|error| ApiError::bad_json(error.to_string()))?;
    if filter.len() > LARGEST {
        return Err(ApiError::too_large("The filter is too large"));
    }
    let user = request.sender.user;
    let id = store
        .write::<_, ApiError, _>(Durability::Normal, move |tx| {
            Box::pin(async move { Ok(tx.add_filter(user, &filter, MOST).await?) })
        })
        .await?;
    Ok(Response::new(id.to_string()))
}
