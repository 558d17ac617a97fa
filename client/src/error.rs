//! What can go wrong in the client, sorted by what a person can do about it.

use matrix_sdk::{ClientBuildError, HttpError};
use ruma::api::error::{ErrorBody, ErrorKind};

/// The server's own words are cut to what a notice can hold.
const MAX_SENTENCE: usize = 300;

pub type Result<T, E = ClientError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer: the server is off, or the network is.
    #[error("the server does not answer")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the name or the password is wrong")]
    WrongPassword,
    #[error("that name is taken")]
    NameTaken,
    /// The access token is not known any more: sign in again; nothing is deleted.
    #[error("this device was signed out")]
    SignedOut,
    #[error("not allowed: {0}")]
    Forbidden(String),
    #[error("{0} was not found")]
    NotFound(&'static str),
    #[error("{0}")]
    Invalid(&'static str),
    #[error("too large: at most {limit} bytes")]
    TooLarge { limit: u64 },
    /// The client's store cannot be opened; the key may be another's. Nothing is deleted.
    #[error("the client's data cannot be opened")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("a file could not be read or written")]
    File(#[from] std::io::Error),
    /// The server refused, in its words.
    #[error("the server said: {0}")]
    Server(String),
    #[error("{0}")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ClientError {
    pub(crate) fn other(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Other(Box::new(error))
    }

    fn from_api(error: &ruma::api::error::Error) -> Option<Self> {
        let kind = error.error_kind()?;
        let sentence = match &error.body {
            ErrorBody::Standard(body) if !body.message.is_empty() => body.message.chars().take(MAX_SENTENCE).collect(),
            _ => kind.errcode().to_string(),
        };
        Some(match kind {
            ErrorKind::UnknownToken(_) | ErrorKind::MissingToken => Self::SignedOut,
            ErrorKind::Forbidden | ErrorKind::GuestAccessForbidden => Self::Forbidden(sentence),
            ErrorKind::UserInUse => Self::NameTaken,
            ErrorKind::NotFound => Self::NotFound("what was asked for"),
            ErrorKind::TooLarge => Self::TooLarge { limit: 0 },
            _ => Self::Server(sentence),
        })
    }
}

impl From<HttpError> for ClientError {
    fn from(error: HttpError) -> Self {
        if let Some(known) = error.as_client_api_error().and_then(Self::from_api) {
            return known;
        }
        match error {
            HttpError::Reqwest(error) => Self::Unreachable(Box::new(error)),
            other => Self::other(other),
        }
    }
}

impl From<matrix_sdk::Error> for ClientError {
    fn from(error: matrix_sdk::Error) -> Self {
        match error {
            matrix_sdk::Error::Http(error) => Self::from(*error),
            other => Self::other(other),
        }
    }
}

impl From<ClientBuildError> for ClientError {
    fn from(error: ClientBuildError) -> Self {
        match error {
            ClientBuildError::Http(error) => Self::from(error),
            ClientBuildError::SqliteStore(error) => Self::Store(Box::new(error)),
            other => Self::Unreachable(Box::new(other)),
        }
    }
}

impl From<matrix_sdk_ui::timeline::Error> for ClientError {
    fn from(error: matrix_sdk_ui::timeline::Error) -> Self {
        Self::other(error)
    }
}

impl From<matrix_sdk_ui::room_list_service::Error> for ClientError {
    fn from(error: matrix_sdk_ui::room_list_service::Error) -> Self {
        Self::other(error)
    }
}

impl From<matrix_sdk_ui::sync_service::Error> for ClientError {
    fn from(error: matrix_sdk_ui::sync_service::Error) -> Self {
        Self::other(error)
    }
}

impl From<matrix_sdk::StoreError> for ClientError {
    fn from(error: matrix_sdk::StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}
