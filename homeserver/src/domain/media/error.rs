//! Why media was not taken or given.

use crate::store::StoreError;

/// Media was refused, or is not there.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error("there is no such media")]
    NotFound,
    #[error("the file is too large")]
    TooLarge,
    #[error("another server's file is too large")]
    RemoteTooLarge,
    #[error("nothing was uploaded to this id yet")]
    NotYetUploaded,
    #[error("something was uploaded to this id already")]
    CannotOverwrite,
    #[error("this id was given to somebody else")]
    NotYours,
    #[error("too many ids wait for their uploads")]
    TooManyPending,
    #[error("the upload broke off")]
    BrokenOff,
    #[error("this file has no thumbnail")]
    NoThumbnail,
    #[error("this server makes no previews")]
    NoPreviews,
    #[error("this is no address of a page")]
    NotAPage,
    #[error("the page cannot be fetched: {0}")]
    Unreachable(String),
    #[error("the file cannot be read or written")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}
