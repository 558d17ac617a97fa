//! POST /_matrix/client/v3/keys/upload: publishes a device's identity, one-time and fallback keys.

use ruma::api::client::keys::upload_keys::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::{Encryption, KeyUpload},
};

pub async fn upload_keys(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    request.sender.has_device()?;
    let Ruma { request, sender, .. } = request;
    let upload = KeyUpload {
        user: sender.user,
        user_id: sender.user_id,
        device_id: sender.device_id,
        device_keys: request.device_keys,
        one_time_keys: request.one_time_keys,
        fallback_keys: request.fallback_keys,
    };
    Ok(Response::new(encryption.upload_keys(upload).await?))
}
