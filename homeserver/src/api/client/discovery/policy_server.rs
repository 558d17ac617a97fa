//! GET /.well-known/matrix/policy_server: this server is none for others.

use ruma::api::client::discovery::discover_policy_server::{Request, Response};

use crate::api::{error::ApiError, ruma_route::Ruma};

pub async fn discover_policy_server((): (), _: Ruma<Request>) -> Result<Response, ApiError> {
    Err(ApiError::not_found("This server is no policy server"))
}
