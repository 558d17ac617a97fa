//! POST /_matrix/client/unstable/org.matrix.simplified_msc3575/sync: simplified sliding sync (MSC4186).

use ruma::api::client::sync::sync_events::v5::{Request, Response};

use crate::{
    api::{client::presence::known, error::ApiError, ruma_route::Ruma},
    domain::sync::Sync,
};

use super::viewer;

pub async fn sync(sync: Sync, request: Ruma<Request>) -> Result<Response, ApiError> {
    request.sender.has_device()?;
    known(&request.set_presence)?;
    Ok(sync.sliding(&viewer(&request.sender), &request.request).await?)
}
