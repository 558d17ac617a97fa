//! POST /_matrix/federation/v1/user/keys/claim: takes one-time keys of devices.

use ruma::api::federation::keys::claim_keys::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn claim_keys(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(encryption.claim_local_keys(request.request.one_time_keys).await?))
}
