//! GET /_matrix/client/v3/register/available: whether a user name could be taken.

use ruma::api::client::account::get_username_availability::v3::{Request, Response};

use crate::{
    api::{error::ApiError, peer::peer_key, ruma_route::Ruma},
    domain::accounts::{AccountError, Accounts, Limit},
};

pub async fn get_username_availability(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    if let Some(key) = peer_key(&request.head.extensions) {
        accounts.limits().take(&format!("available {key}"), Limit::LOOK_UP)?;
    }
    if !accounts.registration_open() {
        return Err(AccountError::RegistrationClosed.into());
    }
    accounts.available(&request.username).await?;
    Ok(Response::new(true))
}
