//! POST /_matrix/client/v3/keys/signatures/upload: publishes signatures on devices and cross-signing keys.

use std::collections::BTreeMap;

use ruma::{
    OwnedUserId,
    api::client::keys::upload_signatures::v3::{Failure, Request, Response},
};
use serde_json::json;

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::encryption::{Encryption, SignatureFailure},
};

pub async fn upload_signatures(encryption: Encryption, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Ruma { request, sender, .. } = request;
    let failures = encryption.upload_signatures(sender.user, sender.user_id, request.signed_keys).await?;
    let mut response = Response::new();
    response.failures =
        failures.into_iter().map(|(user, keys)| failures_of_user(user, keys)).collect::<Result<_, _>>()?;
    Ok(response)
}

fn failures_of_user(
    user: OwnedUserId,
    keys: BTreeMap<String, SignatureFailure>,
) -> Result<(OwnedUserId, BTreeMap<String, Failure>), ApiError> {
    let keys = keys.into_iter().map(|(key, failure)| Ok((key, describe(failure)?)));
    Ok((user, keys.collect::<Result<_, ApiError>>()?))
}

fn describe(failure: SignatureFailure) -> Result<Failure, ApiError> {
    let errcode = match failure {
        SignatureFailure::Malformed => "M_BAD_JSON",
        SignatureFailure::UnknownKey => "M_NOT_FOUND",
        SignatureFailure::OtherKey => "M_INVALID_PARAM",
        SignatureFailure::InvalidSignature => "M_INVALID_SIGNATURE",
    };
    // The type has no constructor.
    let failure = json!({ "errcode": errcode, "error": failure.to_string() });
    serde_json::from_value(failure).map_err(|error| ApiError::internal(&error))
}
