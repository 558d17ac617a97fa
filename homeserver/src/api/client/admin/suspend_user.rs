//! PUT /_matrix/client/v1/admin/suspend/{userId}: says whether an account is suspended, which then only reads, leaves rooms and signs out.

use ruma::api::client::admin::suspend_user::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn suspend_user(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let account = super::moderated_other(&accounts, &request.sender, &request.user_id).await?;
    accounts.set_suspended(account.user, request.suspended).await?;
    Ok(Response::new(request.suspended))
}
