//! Refusals about accounts as HTTP.

use http::StatusCode;
use ruma::api::error::ErrorKind;
use serde_json::Value;

use crate::domain::accounts::{AccountError, SharedSecretError, ThreepidError};

use super::ApiError;

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        let message = error.to_string();
        match error {
            AccountError::RegistrationClosed | AccountError::InviteUsedUp => Self::forbidden(message),
            AccountError::NoGuests => Self::new(ErrorKind::GuestAccessForbidden, message),
            AccountError::InvalidName => Self::new(ErrorKind::InvalidUsername, message),
            AccountError::NameTaken => Self::new(ErrorKind::UserInUse, message),
            AccountError::WrongPassword => Self::forbidden(message),
            AccountError::NoPassword => Self::missing_param(message),
            AccountError::UnusablePassword => Self::invalid_param(message),
            AccountError::UnusableDevice => Self::invalid_param(message),
            AccountError::WrongToken => Self::forbidden(message),
            AccountError::Deactivated => Self::new(ErrorKind::UserDeactivated, message),
            AccountError::Locked => Self::locked(),
            AccountError::TooMany(wait) => Self::limit_exceeded(wait),
            AccountError::MoreProof(info) => match serde_json::to_value(&info) {
                Ok(Value::Object(body)) => Self::with_body(StatusCode::UNAUTHORIZED, body),
                _ => Self::internal(&AccountError::MoreProof(info)),
            },
            AccountError::Hash => Self::internal(&error),
            AccountError::Threepid(error) => error.into(),
            AccountError::Store(error) => error.into(),
        }
    }
}

impl From<ThreepidError> for ApiError {
    fn from(error: ThreepidError) -> Self {
        let message = error.to_string();
        match error {
            ThreepidError::NoMail | ThreepidError::RegistrationClosed | ThreepidError::TooMany => {
                Self::new(ErrorKind::ThreepidDenied, message)
            }
            ThreepidError::InvalidAddress | ThreepidError::InvalidLink => Self::invalid_param(message),
            ThreepidError::InUse => Self::new(ErrorKind::ThreepidInUse, message),
            ThreepidError::Unknown => Self::new(ErrorKind::ThreepidNotFound, message),
            ThreepidError::NotValidated => Self::new(ErrorKind::ThreepidAuthFailed, message),
            ThreepidError::NotSent => Self::with_status(StatusCode::BAD_GATEWAY, ErrorKind::Unknown, message),
        }
    }
}

impl From<SharedSecretError> for ApiError {
    fn from(error: SharedSecretError) -> Self {
        let message = error.to_string();
        match error {
            SharedSecretError::NoSecret => Self::unrecognized(),
            SharedSecretError::UnknownNonce => Self::with_status(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message),
            SharedSecretError::WrongMac => Self::forbidden(message),
        }
    }
}
