//! Refusals of sync, typing, receipts and presence as HTTP.

use http::StatusCode;
use ruma::api::error::ErrorKind;

use crate::domain::{ephemeral::EphemeralError, sync::SyncError};

use super::ApiError;

impl From<SyncError> for ApiError {
    fn from(error: SyncError) -> Self {
        let message = error.to_string();
        match error {
            SyncError::UnknownPos => Self::with_status(StatusCode::BAD_REQUEST, ErrorKind::UnknownPos, message),
            SyncError::BadToken | SyncError::LongConnectionId | SyncError::TooMuch(_) => Self::invalid_param(message),
            SyncError::UnknownFilter => Self::invalid_param(message),
            SyncError::Store(error) => error.into(),
        }
    }
}

impl From<EphemeralError> for ApiError {
    fn from(error: EphemeralError) -> Self {
        let message = error.to_string();
        match error {
            EphemeralError::NotInRoom => Self::forbidden(message),
            EphemeralError::UnknownEvent => Self::not_found(message),
            EphemeralError::OtherThread(_)
            | EphemeralError::ThreadedMarker
            | EphemeralError::EmptyThread
            | EphemeralError::UnknownType
            | EphemeralError::StatusTooLong => Self::invalid_param(message),
            EphemeralError::Store(error) => error.into(),
        }
    }
}
