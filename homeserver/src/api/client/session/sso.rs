//! GET /_matrix/client/v3/login/sso/redirect: no other service signs people in here.

use ruma::api::client::session::{sso_login, sso_login_with_provider};

use crate::api::{error::ApiError, ruma_route::Ruma};

pub async fn sso_login((): (), _: Ruma<sso_login::v3::Request>) -> Result<sso_login::v3::Response, ApiError> {
    Err(nobody())
}

/// GET /_matrix/client/v3/login/sso/redirect/{idpId}: nor one of that name.
pub async fn sso_login_with_provider(
    (): (),
    _: Ruma<sso_login_with_provider::v3::Request>,
) -> Result<sso_login_with_provider::v3::Response, ApiError> {
    Err(nobody())
}

fn nobody() -> ApiError {
    ApiError::not_found("No other service signs people in on this server")
}
