//! Errors as HTTP: a status, an errcode of the specification, a sentence.

mod encryption;
mod identity;
mod rooms;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use bytes::BytesMut;
use http::{StatusCode, header};
use ruma::api::{
    OutgoingResponse as _,
    error::{
        DeserializationError, Error as MatrixError, ErrorKind, FromHttpRequestError, LimitExceededErrorData,
        RetryAfter, UnknownTokenErrorData,
    },
};
use serde_json::{Map, Value, json};

mod accounts;
mod inbound;
mod media;
mod profile;
mod sync;

use crate::store::StoreError;

/// The answer to a request that failed.
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    /// The whole JSON body.
    pub body: Map<String, Value>,
}

impl ApiError {
    /// An error with the status that the errcode usually has.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::with_status(usual_status(&kind), kind, message)
    }

    pub fn with_status(status: StatusCode, kind: ErrorKind, message: impl Into<String>) -> Self {
        let mut body = match serde_json::to_value(&kind) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        };
        body.insert("errcode".to_owned(), kind.errcode().to_string().into());
        body.insert("error".to_owned(), message.into().into());
        Self { status, body }
    }

    /// An answer whose body is not the usual one: user-interactive authentication.
    pub fn with_body(status: StatusCode, body: Map<String, Value>) -> Self {
        Self { status, body }
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    pub fn bad_json(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadJson, message)
    }

    pub fn invalid_param(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidParam, message)
    }

    pub fn missing_param(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::MissingParam, message)
    }

    pub fn unrecognized() -> Self {
        Self::new(ErrorKind::Unrecognized, "Unrecognized request")
    }

    pub fn missing_token() -> Self {
        Self::new(ErrorKind::MissingToken, "Missing access token")
    }

    pub fn unknown_token(soft_logout: bool) -> Self {
        let mut data = UnknownTokenErrorData::new();
        data.soft_logout = soft_logout;
        Self::new(ErrorKind::UnknownToken(data), "Unknown access token")
    }

    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::TooLarge, message)
    }

    /// The account is locked: the client keeps what it has and waits.
    pub fn locked() -> Self {
        let mut error = Self::new(ErrorKind::UserLocked, "This account is locked");
        error.body.insert("soft_logout".to_owned(), true.into());
        error
    }

    /// Asks to come back after `wait`.
    pub fn limit_exceeded(wait: std::time::Duration) -> Self {
        let mut data = LimitExceededErrorData::new();
        data.retry_after = Some(RetryAfter::Delay(wait));
        let mut error = Self::new(ErrorKind::LimitExceeded(data), "Too many requests");
        error.body.insert("retry_after_ms".to_owned(), json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)));
        error
    }

    /// The error of another server whom the client has to do with, as it came.
    pub fn verbatim(error: MatrixError) -> Self {
        let (status, message) = (error.status_code, error.to_string());
        let response = error.try_into_http_response::<BytesMut>().ok();
        match response.and_then(|response| serde_json::from_slice(response.body()).ok()) {
            Some(body) if status.is_client_error() => Self::with_body(status, body),
            _ => Self::with_status(StatusCode::BAD_GATEWAY, ErrorKind::Unknown, message),
        }
    }

    /// Our own fault; logged here, once. What its owner can mend is said in words.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "A request failed inside the server.");
        let (status, sentence) = match std::iter::successors(Some(error), |error| error.source()).find_map(disk_trouble)
        {
            Some(DiskTrouble::Full) => (StatusCode::INSUFFICIENT_STORAGE, "The server's disk is full"),
            Some(DiskTrouble::ReadOnly) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "The server cannot write to its data folder")
            }
            None => (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
        };
        Self::with_status(status, ErrorKind::Unknown, sentence)
    }

    /// The errcode.
    pub fn errcode(&self) -> &str {
        self.body.get("errcode").and_then(Value::as_str).unwrap_or_default()
    }
}

enum DiskTrouble {
    Full,
    ReadOnly,
}

fn disk_trouble(error: &(dyn std::error::Error + 'static)) -> Option<DiskTrouble> {
    use std::io::ErrorKind as Io;
    let of_file = |error: &std::io::Error| match error.kind() {
        Io::StorageFull | Io::QuotaExceeded => Some(DiskTrouble::Full),
        Io::ReadOnlyFilesystem | Io::PermissionDenied => Some(DiskTrouble::ReadOnly),
        _ => None,
    };
    match error.downcast_ref() {
        Some(StoreError::Full) => Some(DiskTrouble::Full),
        Some(StoreError::ReadOnly) => Some(DiskTrouble::ReadOnly),
        _ => error.downcast_ref().and_then(of_file),
    }
}

fn usual_status(kind: &ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Forbidden
        | ErrorKind::GuestAccessForbidden
        | ErrorKind::UserDeactivated
        | ErrorKind::UserSuspended
        | ErrorKind::InviteBlocked
        | ErrorKind::CannotLeaveServerNoticeRoom
        | ErrorKind::ResourceLimitExceeded(_)
        | ErrorKind::ThreepidDenied => StatusCode::FORBIDDEN,
        ErrorKind::MissingToken | ErrorKind::UnknownToken(_) | ErrorKind::Unauthorized | ErrorKind::UserLocked => {
            StatusCode::UNAUTHORIZED
        }
        ErrorKind::NotFound | ErrorKind::Unrecognized => StatusCode::NOT_FOUND,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::LimitExceeded(_) => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::CannotOverwriteMedia => StatusCode::CONFLICT,
        ErrorKind::NotYetUploaded => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_REQUEST,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry = self.body.get("retry_after_ms").and_then(Value::as_u64).map(|ms| ms.div_ceil(1000).to_string());
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(Ok(value)) = retry.map(|seconds| seconds.parse()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<FromHttpRequestError> for ApiError {
    fn from(error: FromHttpRequestError) -> Self {
        let message = error.to_string();
        match error {
            FromHttpRequestError::Deserialization(DeserializationError::Json(error)) if error.is_data() => {
                let kind = if message.contains("missing field") { ErrorKind::MissingParam } else { ErrorKind::BadJson };
                Self::new(kind, message)
            }
            FromHttpRequestError::Deserialization(DeserializationError::Json(_) | DeserializationError::Utf8(_)) => {
                Self::new(ErrorKind::NotJson, message)
            }
            FromHttpRequestError::Deserialization(DeserializationError::Query(_))
                if message.contains("missing field") =>
            {
                Self::missing_param(message)
            }
            FromHttpRequestError::MethodMismatch { .. } => {
                Self::with_status(StatusCode::METHOD_NOT_ALLOWED, ErrorKind::Unrecognized, message)
            }
            _ => Self::invalid_param(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiError, StoreError};
    use crate::domain::media::MediaError;

    #[test]
    fn a_full_disk_is_said_in_words_and_other_faults_are_not_told() {
        let of_database: ApiError = MediaError::Store(StoreError::Full).into();
        let of_file: ApiError = MediaError::Io(std::io::Error::from(std::io::ErrorKind::StorageFull)).into();
        for error in [of_database, of_file] {
            assert_eq!((error.status.as_u16(), error.errcode()), (507, "M_UNKNOWN"));
            assert_eq!(error.body["error"], "The server's disk is full");
        }
        let other: ApiError = StoreError::Damaged("an event").into();
        assert_eq!((other.status.as_u16(), &other.body["error"]), (500, &"Internal server error".into()));
    }
}
