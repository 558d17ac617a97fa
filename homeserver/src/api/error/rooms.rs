//! Errors of rooms as errcodes.

use http::StatusCode;
use ruma::api::error::ErrorKind;

use crate::{api::error::ApiError, domain::rooms::RoomsError};

impl From<RoomsError> for ApiError {
    fn from(error: RoomsError) -> Self {
        let message = error.to_string();
        match error {
            RoomsError::Store(error) => Self::internal(&error),
            RoomsError::Forbidden(_) | RoomsError::Blocked | RoomsError::NotInRoom => Self::forbidden(message),
            // Whether a room exists is nobody's business who is not in it.
            RoomsError::UnknownRoom => Self::forbidden("You are not in this room, or it does not exist"),
            RoomsError::BadAlias => Self::new(ErrorKind::BadAlias, message),
            RoomsError::UnknownEvent | RoomsError::UnknownAlias => Self::not_found(message),
            RoomsError::BadEvent(_) => Self::bad_json(message),
            RoomsError::TooLarge => Self::too_large(message),
            RoomsError::UnsupportedVersion => Self::new(ErrorKind::UnsupportedRoomVersion, message),
            RoomsError::AliasTaken => Self::new(ErrorKind::RoomInUse, message),
            RoomsError::ServiceSilent => Self::with_status(StatusCode::REQUEST_TIMEOUT, ErrorKind::Unknown, message),
            RoomsError::DuplicateReaction => {
                Self::with_status(StatusCode::BAD_REQUEST, ErrorKind::DuplicateAnnotation, message)
            }
            RoomsError::Unreachable(_) => Self::with_status(StatusCode::BAD_GATEWAY, ErrorKind::Unknown, message),
            RoomsError::Arriving => Self::with_status(StatusCode::GATEWAY_TIMEOUT, ErrorKind::Unknown, message),
            RoomsError::InvalidParam(_) => Self::invalid_param(message),
            RoomsError::InvalidRoomState(_) => Self::new(ErrorKind::InvalidRoomState, message),
            RoomsError::Policy(error) => Self::verbatim(*error),
            RoomsError::InviteBlocked => Self::new(ErrorKind::InviteBlocked, message),
            RoomsError::UnableToAuthorizeJoin => Self::new(ErrorKind::UnableToAuthorizeJoin, message),
            RoomsError::UnableToGrantJoin => Self::new(ErrorKind::UnableToGrantJoin, message),
            RoomsError::NestedThread => Self::with_status(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message),
            RoomsError::InvalidState(_) => Self::with_status(StatusCode::BAD_REQUEST, ErrorKind::Unknown, message),
        }
    }
}
