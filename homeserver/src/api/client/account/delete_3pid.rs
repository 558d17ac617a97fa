//! POST /_matrix/client/v3/account/3pid/delete: takes an address from the account.

use ruma::api::client::account::{
    ThirdPartyIdRemovalStatus,
    delete_3pid::v3::{Request, Response},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn delete_3pid(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    accounts.delete_threepid(request.sender.user, &request.medium, &request.address).await?;
    Ok(Response::new(ThirdPartyIdRemovalStatus::NoSupport))
}
