//! GET /_matrix/client/v3/register/available: whether a user name could be taken.

use ruma::api::client::account::get_username_availability::v3::{Request, Response};

use crate::{
    api::{error::ApiError, peer::peer_key, ruma_route::Ruma},
    domain::{
        accounts::{AccountError, Accounts, Limit},
        appservices::Appservices,
    },
};

pub async fn get_username_availability(
    (accounts, appservices): (Accounts, Appservices),
    request: Ruma<Request>,
) -> Result<Response, ApiError> {
    if let Some(key) = peer_key(&request.head.extensions) {
        accounts.limits().take(&format!("available {key}"), Limit::LOOK_UP)?;
    }
    if !accounts.registration_open() {
        return Err(AccountError::RegistrationClosed.into());
    }
    let user_id = accounts.available(&request.username).await?;
    super::check_not_reserved(&appservices, &user_id)?;
    Ok(Response::new(true))
}
