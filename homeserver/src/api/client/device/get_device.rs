//! GET /_matrix/client/v3/devices/{deviceId}: one of the user's devices.

use ruma::api::client::device::get_device::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    store::Store,
};

pub async fn get_device(store: Store, request: Ruma<Request>) -> Result<Response, ApiError> {
    let device = store.read().await?.device(request.sender.user, &request.device_id).await?;
    device.map(|row| Response::new(super::to_ruma(row))).ok_or_else(|| ApiError::not_found("There is no such device"))
}
