//! GET /_matrix/client/v3/pushrules/: all push rules.

use ruma::api::client::push::get_pushrules_all::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn get_pushrules_all(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(accounts.push_rules(request.sender.user).await?))
}
