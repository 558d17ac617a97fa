//! Errors of identity servers as errcodes: what they answer is passed on.

use http::StatusCode;
use ruma::api::error::{Error as MatrixError, ErrorBody, ErrorKind};

use crate::{
    api::error::ApiError,
    domain::{federation::SendError, identity_servers::IdentityError, rooms::ThirdPartyInviteError},
};

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        let message = error.to_string();
        match error {
            IdentityError::NotTrusted => Self::new(ErrorKind::ServerNotTrusted, message),
            IdentityError::InvalidAddress | IdentityError::Request(_) => Self::invalid_param(message),
            IdentityError::TooMany(_) => Self::new(ErrorKind::ThreepidDenied, message),
            IdentityError::Send(SendError::Timeout) => {
                Self::with_status(StatusCode::GATEWAY_TIMEOUT, ErrorKind::Unknown, message)
            }
            IdentityError::Refused(error) => passed_on(error),
            IdentityError::Send(_) | IdentityError::Malformed(_) => {
                Self::with_status(StatusCode::BAD_GATEWAY, ErrorKind::Unknown, message)
            }
            IdentityError::Store(error) => error.into(),
        }
    }
}

impl From<ThirdPartyInviteError> for ApiError {
    fn from(error: ThirdPartyInviteError) -> Self {
        match error {
            ThirdPartyInviteError::Rooms(error) => error.into(),
            ThirdPartyInviteError::Identity(error) => error.into(),
        }
    }
}

fn passed_on(error: MatrixError) -> ApiError {
    let MatrixError { status_code, body, .. } = error;
    match body {
        // A client would take these for words about its own token, and sign itself out.
        ErrorBody::Standard(body)
            if matches!(body.kind, ErrorKind::UnknownToken(_) | ErrorKind::MissingToken | ErrorKind::UserLocked) =>
        {
            ApiError::new(ErrorKind::Unauthorized, body.message)
        }
        ErrorBody::Standard(body) => ApiError::with_status(status_code, body.kind, body.message),
        _ => {
            let message = format!("The identity server answered {status_code}");
            ApiError::with_status(StatusCode::BAD_GATEWAY, ErrorKind::Unknown, message)
        }
    }
}
