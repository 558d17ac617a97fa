//! GET /_matrix/client/v3/admin/whois/{userId}: from where a user's devices were seen last.

use ruma::{
    MilliSecondsSinceUnixEpoch, UInt,
    api::client::admin::get_user_info::v3::{ConnectionInfo, DeviceInfo, Request, Response, SessionInfo},
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::accounts::Accounts,
    store::{DeviceRow, Store},
};

pub async fn get_user_info((accounts, store): (Accounts, Store), request: Ruma<Request>) -> Result<Response, ApiError> {
    if !request.sender.admin && request.sender.user_id != request.user_id {
        return Err(ApiError::forbidden("Only administrators and the user can do this"));
    }
    if !accounts.is_local(&request.user_id) {
        return Err(ApiError::invalid_param("The user is of another server"));
    }
    let account = accounts.find(request.user_id.as_str()).await?;
    let account = account.ok_or_else(|| ApiError::not_found("There is no such account"))?;
    let devices = store.read().await?.devices(account.user).await?;
    let mut response = Response::new();
    response.user_id = Some(account.user_id);
    response.devices = devices.into_iter().map(|row| (row.device_id.to_string(), device(row))).collect();
    Ok(response)
}

fn device(row: DeviceRow) -> DeviceInfo {
    let mut connection = ConnectionInfo::new();
    connection.ip = row.last_seen_ip;
    connection.last_seen = row.last_seen_ts.and_then(|ts| UInt::try_from(ts).ok()).map(MilliSecondsSinceUnixEpoch);
    connection.user_agent = row.last_seen_user_agent;
    let mut session = SessionInfo::new();
    session.connections = vec![connection];
    let mut device = DeviceInfo::new();
    device.sessions = vec![session];
    device
}
