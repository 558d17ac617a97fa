//! POST /_matrix/client/v3/delete_devices: deletes several devices and their tokens, once the user has proved who they are.

use ruma::api::client::device::delete_devices::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn delete_devices(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let operation = format!("delete devices {:?}", request.devices);
    if request.sender.appservice.is_none() {
        accounts.prove_own(&request.sender.user_id, operation, request.auth.as_ref()).await?;
    }
    accounts.delete_devices(request.sender.user, request.request.devices).await?;
    Ok(Response::new())
}
