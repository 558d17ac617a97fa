//! POST /_matrix/client/v3/logout/all: signs all devices of the user out and deletes them.

use ruma::api::client::session::logout_all::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn logout_all(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    accounts.delete_all_devices(request.sender.user, None).await?;
    Ok(Response::new())
}
