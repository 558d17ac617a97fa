//! GET /_matrix/key/v2/server: our own signing key, signed by itself.

use ruma::{
    api::federation::discovery::get_server_keys::v2::{Request, Response},
    serde::Raw,
};
use serde_json::value::RawValue;

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::federation::Federation,
};

pub async fn get_keys(federation: Federation, _: Ruma<Request>) -> Result<Response, ApiError> {
    let answer = federation.keyring.own_answer().and_then(|answer| RawValue::from_string(answer.json).ok());
    let answer = answer.ok_or_else(|| ApiError::internal(&std::io::Error::other("our key answer cannot be made")))?;
    Ok(Response::new(Raw::from_json(answer)))
}
