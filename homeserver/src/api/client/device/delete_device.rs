//! DELETE /_matrix/client/v3/devices/{deviceId}: deletes a device and its tokens, once the user has proved who they are.

use ruma::api::client::device::delete_device::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn delete_device(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let operation = format!("delete device {}", request.device_id);
    if request.sender.appservice.is_none() {
        accounts.prove_own(&request.sender.user_id, operation, request.auth.as_ref()).await?;
    }
    accounts.delete_devices(request.sender.user, vec![request.device_id.clone()]).await?;
    Ok(Response::new())
}
