//! Errors of encryption as errcodes.

use http::StatusCode;
use ruma::api::error::{ErrorKind, WrongRoomKeysVersionErrorData};

use crate::domain::encryption::EncryptionError;

use super::ApiError;

impl From<EncryptionError> for ApiError {
    fn from(error: EncryptionError) -> Self {
        let message = error.to_string();
        match error {
            EncryptionError::BadJson(_) => Self::bad_json(message),
            EncryptionError::InvalidParam(_) | EncryptionError::DuplicateOneTimeKey(..) => Self::invalid_param(message),
            EncryptionError::MissingParam(_) => Self::missing_param(message),
            EncryptionError::InvalidSignature(_) => {
                let mut error = Self::invalid_param(message);
                error.body.insert("errcode".to_owned(), "M_INVALID_SIGNATURE".into());
                error
            }
            EncryptionError::TooLarge(_) => Self::too_large(message),
            EncryptionError::NotFound(_) => Self::not_found(message),
            // Whoever can ask for the proof does so and tries again; to all others the door is shut.
            EncryptionError::KeyIdInUse | EncryptionError::AuthenticationNeeded => Self::forbidden(message),
            EncryptionError::WrongBackupVersion { current } => {
                let kind = ErrorKind::WrongRoomKeysVersion(WrongRoomKeysVersionErrorData::new(current));
                Self::with_status(StatusCode::FORBIDDEN, kind, message)
            }
            EncryptionError::Store(error) => error.into(),
        }
    }
}
