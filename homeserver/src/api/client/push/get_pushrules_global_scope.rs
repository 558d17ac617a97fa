//! GET /_matrix/client/v3/pushrules/global/: all push rules, without a frame.

use ruma::api::client::push::get_pushrules_global_scope::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn get_pushrules_global_scope(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    Ok(Response::new(accounts.push_rules(request.sender.user).await?))
}
