//! What other servers may not have, as HTTP.

use http::StatusCode;
use ruma::api::error::ErrorKind;

use crate::{
    api::error::ApiError,
    domain::{
        inbound::{AccessError, EntryError, TransactionError},
        rooms::RoomsError,
    },
};

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::UnknownRoom | AccessError::UnknownEvent | AccessError::Arriving => {
                Self::not_found(error.to_string())
            }
            AccessError::NotInRoom | AccessError::Denied => Self::forbidden(error.to_string()),
            AccessError::Store(error) => error.into(),
        }
    }
}

impl From<TransactionError> for ApiError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::TooMany => {
                Self::with_status(StatusCode::BAD_REQUEST, ErrorKind::TooLarge, error.to_string())
            }
            TransactionError::WrongOrigin => Self::forbidden(error.to_string()),
            TransactionError::Store(error) => error.into(),
        }
    }
}

impl From<EntryError> for ApiError {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::Access(error) => error.into(),
            // Whoever sent it is a server: what it sent is not what the endpoint takes.
            EntryError::Rooms(RoomsError::BadEvent(reason)) => Self::invalid_param(reason),
            EntryError::Rooms(error) => error.into(),
        }
    }
}
