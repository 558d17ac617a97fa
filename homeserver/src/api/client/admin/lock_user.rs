//! PUT /_matrix/client/v1/admin/lock/{userId}: says whether an account is locked, which then can do nothing but sign out.

use ruma::api::client::admin::lock_user::v1::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn lock_user(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let account = super::moderated_other(&accounts, &request.sender, &request.user_id).await?;
    accounts.set_locked(account.user, request.locked).await?;
    Ok(Response::new(request.locked))
}
