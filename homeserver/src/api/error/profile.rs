//! Refusals about profiles as HTTP.

use http::StatusCode;
use ruma::api::error::ErrorKind;

use crate::domain::{accounts::ProfileError, appservices::QueryError};

use super::ApiError;

impl From<ProfileError> for ApiError {
    fn from(error: ProfileError) -> Self {
        let message = error.to_string();
        match error {
            ProfileError::BadField | ProfileError::BadValue(_) => Self::invalid_param(message),
            ProfileError::FieldTooLong => named("M_KEY_TOO_LARGE", message),
            ProfileError::TooLarge => named("M_PROFILE_TOO_LARGE", message),
            ProfileError::Store(error) => error.into(),
        }
    }
}

/// An errcode that ruma has no name for.
fn named(errcode: &str, message: String) -> ApiError {
    let mut error = ApiError::with_status(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message);
    error.body.insert("errcode".to_owned(), errcode.into());
    error
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let message = error.to_string();
        match error {
            QueryError::Silent => Self::with_status(StatusCode::REQUEST_TIMEOUT, ErrorKind::Unknown, message),
            QueryError::Store(error) => error.into(),
        }
    }
}
