//! POST /_matrix/client/v3/logout: signs the asking device out and deletes it.

use ruma::api::client::session::logout::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn logout(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    accounts.delete_devices(request.sender.user, vec![request.sender.device_id.clone()]).await?;
    Ok(Response::new())
}
