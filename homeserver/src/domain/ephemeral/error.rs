//! Why something ephemeral was refused.

use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum EphemeralError {
    #[error("You are not in this room")]
    NotInRoom,
    #[error("The event does not belong to the thread {0}")]
    OtherThread(String),
    #[error("A fully read marker has no thread")]
    ThreadedMarker,
    #[error("thread_id must not be empty")]
    EmptyThread,
    #[error("This type of receipt is not known")]
    UnknownType,
    #[error("The event is not in this room")]
    UnknownEvent,
    #[error("The status message is too long")]
    StatusTooLong,
    #[error(transparent)]
    Store(#[from] StoreError),
}
