//! What can go wrong with the database.

use std::sync::Arc;

/// Opening failed; each says in words what a person can do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database was written by a newer version of this program; install that version or a newer one")]
    NewerSchema,
    #[error("the database belongs to the server {found}, not to {asked}; a server's name can never change")]
    OtherServer { found: String, asked: String },
    #[error("the data folder cannot be written to")]
    ReadOnly(#[source] StoreError),
    #[error("the disk is full")]
    Full(#[source] StoreError),
    #[error("the database cannot be opened")]
    Other(#[source] StoreError),
}

/// A query or a commit failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the disk is full")]
    Full,
    #[error("the database is read-only")]
    ReadOnly,
    /// What was read cannot be what was written.
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
    #[error("the store is closed")]
    Closed,
    #[error("the database failed")]
    Sqlx(#[source] Arc<sqlx::Error>),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // SQLite's primary result codes: 8 SQLITE_READONLY, 13 SQLITE_FULL; the low byte of extended ones.
        let code =
            error.as_database_error().and_then(|e| e.code()).and_then(|c| c.parse::<i64>().ok()).map(|c| c & 0xff);
        match code {
            Some(13) => Self::Full,
            Some(8) => Self::ReadOnly,
            _ => Self::Sqlx(Arc::new(error)),
        }
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Full(error),
            StoreError::ReadOnly => Self::ReadOnly(error),
            other => Self::Other(other),
        }
    }
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}
