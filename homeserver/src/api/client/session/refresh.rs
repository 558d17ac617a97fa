//! POST /_matrix/client/v3/refresh: a new access token for a refresh token.

use ruma::api::client::session::refresh_token::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::{AccountError, Accounts},
};

pub async fn refresh_token(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let refreshed = accounts.refresh(request.request.refresh_token).await.map_err(|error| match error {
        AccountError::WrongToken => ApiError::unknown_token(false),
        other => other.into(),
    })?;
    let mut response = Response::new(refreshed.access_token);
    response.refresh_token = Some(refreshed.refresh_token);
    response.expires_in_ms = Some(refreshed.expires_in);
    Ok(response)
}
