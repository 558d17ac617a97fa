//! GET /_matrix/client/v1/admin/suspend/{userId}: whether an account is suspended.

use ruma::api::client::admin::is_user_suspended::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn is_user_suspended(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let account = super::moderated(&accounts, &request.sender, &request.user_id).await?;
    Ok(Response::new(account.suspended))
}
