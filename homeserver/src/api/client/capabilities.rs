//! GET /_matrix/client/v3/capabilities: what this server lets its users do.

use ruma::api::client::discovery::get_capabilities::v3::{
    Capabilities, ChangePasswordCapability, GetLoginTokenCapability, ProfileFieldsCapability, Request, Response,
    RoomVersionStability, RoomVersionsCapability, ThirdPartyIdChangesCapability,
};

use crate::{
    api::{error::ApiError, ruma_route::Ruma},
    domain::{accounts::Accounts, events::versions},
};

pub async fn get_capabilities(accounts: Accounts, request: Ruma<Request>) -> Result<Response, ApiError> {
    let mut capabilities = Capabilities::new();
    capabilities.change_password = ChangePasswordCapability::new(true);
    let stable = versions::STABLE.into_iter().map(|version| (version, RoomVersionStability::Stable)).collect();
    capabilities.room_versions = RoomVersionsCapability::new(versions::DEFAULT, stable);
    capabilities.thirdparty_id_changes = ThirdPartyIdChangesCapability::new(accounts.sends_mail());
    capabilities.get_login_token = GetLoginTokenCapability::new(true);
    capabilities.profile_fields = Some(ProfileFieldsCapability::new(true));
    capabilities.account_moderation.lock = request.sender.admin;
    capabilities.account_moderation.suspend = request.sender.admin;
    Ok(Response::new(capabilities))
}
