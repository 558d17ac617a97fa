//! Why a room did not do what was asked.

use http::StatusCode;
use ruma::api::error::{Error as MatrixError, ErrorKind};

use crate::{
    domain::{
        appservices::QueryError,
        events::pdu::PduError,
        federation::{FederationError, VerifyError},
    },
    store::StoreError,
};

#[derive(Debug, thiserror::Error)]
pub enum RoomsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rules of the room do not allow it; the reason in words.
    #[error("{0}")]
    Forbidden(String),
    #[error("This room is blocked on this server")]
    Blocked,
    #[error("Unknown room")]
    UnknownRoom,
    #[error("Unknown event")]
    UnknownEvent,
    #[error("You are not in this room")]
    NotInRoom,
    /// The event cannot be made from what was sent.
    #[error("{0}")]
    BadEvent(String),
    #[error("The event is larger than 65,536 bytes")]
    TooLarge,
    #[error("This room version is not supported")]
    UnsupportedVersion,
    #[error("The room alias is taken")]
    AliasTaken,
    #[error("There is no such alias")]
    UnknownAlias,
    #[error("An alias does not lead to this room")]
    BadAlias,
    /// An application service that may know more does not answer.
    #[error("The bridge that this name belongs to does not answer")]
    ServiceSilent,
    #[error("This reaction was made already")]
    DuplicateReaction,
    #[error("A thread cannot start from an event that relates to another one")]
    NestedThread,
    #[error("{0}")]
    InvalidState(String),
    /// A parameter of the request is not what it should be; what is wrong in words.
    #[error("{0}")]
    InvalidParam(String),
    /// The state that a new room shall have contradicts itself; the reason in words.
    #[error("{0}")]
    InvalidRoomState(String),
    /// The room's policy server does not sign the event; its error as it came.
    #[error("{0}")]
    Policy(Box<MatrixError>),
    #[error("This user takes no invites")]
    InviteBlocked,
    /// Whether the user may join a restricted room cannot be told here.
    #[error("This server cannot tell whether the user is in one of the rooms that let in here")]
    UnableToAuthorizeJoin,
    /// The user may join, but nobody here may vouch for them.
    #[error("Nobody of this server may let the user in; another server of the room may")]
    UnableToGrantJoin,
    #[error("The members of this room are still on their way")]
    Arriving,
    /// No server that could help answered; the reason in words.
    #[error("No server that knows the room can be reached: {0}")]
    Unreachable(String),
}

impl From<QueryError> for RoomsError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Silent => Self::ServiceSilent,
            QueryError::Store(error) => Self::Store(error),
        }
    }
}

impl From<VerifyError> for RoomsError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Store(error) => Self::Store(error),
            // Whoever signed it may be asleep.
            error @ VerifyError::NoKey(_) => Self::Unreachable(error.to_string()),
            other => Self::BadEvent(other.to_string()),
        }
    }
}

impl From<FederationError> for RoomsError {
    fn from(error: FederationError) -> Self {
        match error {
            FederationError::Store(error) => Self::Store(error),
            FederationError::Refused(error) if matches!(error.error_kind(), Some(ErrorKind::InviteBlocked)) => {
                Self::InviteBlocked
            }
            FederationError::Refused(error) if matches!(error.error_kind(), Some(ErrorKind::UnableToAuthorizeJoin)) => {
                Self::UnableToAuthorizeJoin
            }
            FederationError::Refused(error) if matches!(error.error_kind(), Some(ErrorKind::UnableToGrantJoin)) => {
                Self::UnableToGrantJoin
            }
            // What we sent was wrong; no client can do anything about it.
            FederationError::Refused(error)
                if matches!(error.error_kind(), Some(ErrorKind::MissingParam | ErrorKind::InvalidParam)) =>
            {
                Self::Unreachable(error.to_string())
            }
            FederationError::Refused(error) if error.status_code == StatusCode::NOT_FOUND => Self::UnknownRoom,
            FederationError::Refused(error) if error.status_code.is_client_error() => {
                Self::Forbidden(error.to_string())
            }
            other => Self::Unreachable(other.to_string()),
        }
    }
}

impl From<PduError> for RoomsError {
    fn from(error: PduError) -> Self {
        match error {
            PduError::TooLarge => Self::TooLarge,
            PduError::Format(reason) if reason.contains("larger than maximum") => Self::TooLarge,
            other => Self::BadEvent(other.to_string()),
        }
    }
}
