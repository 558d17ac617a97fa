//! Accounts.

pub mod add_3pid;
pub mod bind_3pid;
pub mod change_password;
pub mod deactivate;
pub mod delete_3pid;
pub mod get_3pids;
pub mod post_3pid;
pub mod register;
pub mod register_available;
pub mod registration_token_validity;
pub mod request_email_token;
pub mod request_msisdn_token;
pub mod request_openid_token;
pub mod unbind_3pid;
pub mod whoami;

use ruma::{
    UserId,
    api::{client::account::ThirdPartyIdRemovalStatus, error::ErrorKind},
};

use crate::{api::error::ApiError, domain::appservices::Appservices};

/// Refuses names that are an application service's alone.
pub(in crate::api) fn check_not_reserved(appservices: &Appservices, user_id: &UserId) -> Result<(), ApiError> {
    if appservices.is_reserved_user(user_id, None) {
        return Err(ApiError::new(ErrorKind::Exclusive, "This name belongs to an application service"));
    }
    Ok(())
}

/// Whether identity servers took back what they had.
fn removal_status(taken: bool) -> ThirdPartyIdRemovalStatus {
    if taken { ThirdPartyIdRemovalStatus::Success } else { ThirdPartyIdRemovalStatus::NoSupport }
}
