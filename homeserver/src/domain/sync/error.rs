//! Why a sync was refused.

use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The connection is not known, or has gone on beyond this position.
    #[error("The connection's position is not known any more")]
    UnknownPos,
    #[error("The token is not one of ours")]
    BadToken,
    #[error("There is no such filter")]
    UnknownFilter,
    #[error("The connection id is too long")]
    LongConnectionId,
    #[error("Too much is asked at once: {0}")]
    TooMuch(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}
