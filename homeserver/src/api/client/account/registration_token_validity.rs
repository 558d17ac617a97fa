//! GET /_matrix/client/v1/register/m.login.registration_token/validity: whether an invite token is good.

use ruma::api::client::account::check_registration_token_validity::v1::{Request, Response};

use crate::{
    api::{error::ApiError, peer::peer_key, ruma_route::Ruma},
    domain::accounts::{AccountError, Accounts, Limit},
};

pub async fn check_registration_token_validity(
    accounts: Accounts,
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    if let Some(key) = peer_key(&request.head.extensions) {
        accounts.limits().take(&format!("register {key}"), Limit::REGISTER)?;
    }
    if !accounts.registration_open() {
        return Err(AccountError::RegistrationClosed.into());
    }
    Ok(Response::new(accounts.invite_valid(&request.token).await?))
}
