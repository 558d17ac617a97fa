//! Why a room did not do what was asked.

use crate::{domain::events::pdu::PduError, store::StoreError};

#[derive(Debug, thiserror::Error)]
pub enum RoomsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rules of the room do not allow it; the reason in words.
    #[error("{0}")]
    Forbidden(String),
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
    #[error("This reaction was made already")]
    DuplicateReaction,
    #[error("{0}")]
    InvalidState(String),
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
