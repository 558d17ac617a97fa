//! Refusals about media as HTTP.

use http::StatusCode;
use ruma::api::error::ErrorKind;

use crate::domain::media::MediaError;

use super::ApiError;

impl From<MediaError> for ApiError {
    fn from(error: MediaError) -> Self {
        let message = error.to_string();
        match error {
            // Of a page that cannot be fetched as well: what its server fails in is no failure of this one.
            MediaError::NotFound | MediaError::Unreachable(_) => Self::not_found(message),
            MediaError::TooLarge => Self::too_large(message),
            MediaError::RemoteTooLarge => Self::with_status(StatusCode::BAD_GATEWAY, ErrorKind::TooLarge, message),
            MediaError::NotYetUploaded => Self::new(ErrorKind::NotYetUploaded, message),
            MediaError::CannotOverwrite => Self::new(ErrorKind::CannotOverwriteMedia, message),
            MediaError::NotYours => Self::forbidden(message),
            MediaError::TooManyPending => Self::limit_exceeded(std::time::Duration::from_secs(60)),
            MediaError::BrokenOff | MediaError::NoThumbnail => {
                Self::with_status(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message)
            }
            MediaError::NoPreviews => Self::new(ErrorKind::Unrecognized, message),
            MediaError::NotAPage => Self::invalid_param(message),
            MediaError::Io(_) => Self::internal(&error),
            MediaError::Store(error) => error.into(),
        }
    }
}
