//! POST /_matrix/client/v3/keys/claim: takes one-time keys of devices, of this server and others.

use ruma::api::client::keys::claim_keys::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::Encryption,
};

pub async fn claim_keys(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Ruma { request, .. } = request;
    let (one_time_keys, failures) = encryption.claim_keys(request.one_time_keys, request.timeout).await?;
    let mut response = Response::new(one_time_keys);
    response.failures = failures;
    Ok(response)
}
