//! POST /_matrix/federation/v1/user/keys/query: devices and keys of users.

use ruma::api::federation::keys::get_keys::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn get_keys(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let keys = encryption.query_local_keys(request.request.device_keys).await?;
    let mut response = Response::new(keys.device_keys);
    response.master_keys = keys.master_keys;
    response.self_signing_keys = keys.self_signing_keys;
    Ok(response)
}
