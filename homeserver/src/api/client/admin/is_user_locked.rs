//! GET /_matrix/client/v1/admin/lock/{userId}: whether an account is locked.

use ruma::api::client::admin::is_user_locked::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn is_user_locked(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let account = super::moderated(&accounts, &request.sender, &request.user_id).await?;
    Ok(Response::new(account.locked))
}
