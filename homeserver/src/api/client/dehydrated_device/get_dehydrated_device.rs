//! GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device: the sleeping device.

use ruma::{
    api::client::dehydrated_device::get_dehydrated_device::unstable::{Request, Response},
    serde::Raw,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn get_dehydrated_device(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let (device_id, data) = encryption.dehydrated_device(request.sender.user).await?;
    let data = Raw::from_json_string(data).map_err(|error| ApiError::internal(&error))?;
    Ok(Response::new(device_id, data))
}
