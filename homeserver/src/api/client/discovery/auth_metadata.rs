//! GET /_matrix/client/v1/auth_metadata: OAuth 2.0 is not offered; people sign in by `/login`.

use ruma::api::client::discovery::get_authorization_server_metadata::v1::{Request, Response};

use crate::api::{error::ApiError, ruma_route::Ruma};

pub async fn get_authorization_server_metadata((): (), _: Ruma<Request>) -> Result<Response, ApiError> {
    Err(ApiError::unrecognized())
}
