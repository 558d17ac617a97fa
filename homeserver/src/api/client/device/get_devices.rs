//! GET /_matrix/client/v3/devices: the user's devices.

use ruma::api::client::device::get_devices::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    store::Store,
};

pub async fn get_devices(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    let devices = store.read().await?.devices(request.sender.user).await?;
    Ok(Response::new(devices.into_iter().map(super::to_ruma).collect()))
}
