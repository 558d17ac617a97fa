//! GET /_matrix/client/v3/keys/changes: whose keys changed between two sync tokens.

use ruma::api::client::keys::get_key_changes::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    store::{Position, Store},
};

pub async fn get_key_changes(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    let from = position(&request.from)?;
    // Changes after `to` are told too: a client that stops there would miss users who changed again since.
    position(&request.to)?;
    let now = store.position();
    let lists = store.read().await?.device_lists(request.sender.user, from, now).await?;
    Ok(Response::new(lists.changed, lists.left))
}

fn position(token: &str) -> Result<Position, ApiError> {
    token.parse().map(Position).map_err(|_| ApiError::invalid_param("This is not a sync token"))
}
