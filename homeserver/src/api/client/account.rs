//! Accounts.

pub mod add_threepid;
pub mod change_password;
pub mod deactivate;
pub mod get_threepids;
pub mod register;
pub mod register_available;
pub mod registration_token_validity;
pub mod request_openid_token;
pub mod threepids;
pub mod whoami;

use ruma::{UserId, api::error::ErrorKind};

use crate::{api::error::ApiError, domain::appservices::Appservices};

/// Refuses names that are an application service's alone.
pub(in crate::api) fn check_not_reserved(appservices: &Appservices, user_id: &UserId) -> Result<(), ApiError> {
    if appservices.is_reserved_user(user_id, None) {
        return Err(ApiError::new(ErrorKind::Exclusive, "This name belongs to an application service"));
    }
    Ok(())
}
