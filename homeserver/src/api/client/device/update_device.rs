//! PUT /_matrix/client/v3/devices/{deviceId}: gives a device another name.

use ruma::api::client::device::update_device::v3::{Request, Response};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
};

pub async fn update_device(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let Request { device_id, display_name, .. } = request.request;
    if accounts.rename_device(request.sender.user, device_id, display_name).await? {
        Ok(Response::new())
    } else {
        Err(ApiError::not_found("There is no such device"))
    }
}
