//! GET /_matrix/client/v3/keys/changes: whose keys changed between two sync tokens.

use ruma::api::client::keys::get_key_changes::v3::{Request, Response};

use crate::{
    api::{client::room::token, error::ApiError, ruma_route::Ruma},
    store::Store,
};

pub async fn get_key_changes(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    let from = token(&request.from)?;
    // Changes after `to` are told too: a client that stops there would miss users who changed again since.
    token(&request.to)?;
    let now = store.position();
    let lists = store.read().await?.device_lists(request.sender.user, from, now).await?;
    Ok(Response::new(lists.changed, lists.left))
}
