//! GET /_matrix/client/v3/pushers: where the user's notifications are sent.

use ruma::api::client::push::get_pushers::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    store::{Store, StoreError},
};

pub async fn get_pushers(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    let stored = store.read().await?.pushers(request.sender.user).await?;
    let pushers = stored.iter().map(|pusher| serde_json::from_str(pusher)).collect::<Result<_, _>>();
    Ok(Response::new(pushers.map_err(|_| StoreError::Damaged("a pusher"))?))
}
