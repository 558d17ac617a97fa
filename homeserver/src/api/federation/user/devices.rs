//! GET /_matrix/federation/v1/user/devices/{userId}: a user's whole device list.

use ruma::api::federation::device::get_devices::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn get_devices(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(encryption.devices_of(&request.user_id).await?)
}
