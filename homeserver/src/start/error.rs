//! Why a server does not start, each in words that say what a person can do.

use std::{io, path::PathBuf};

use crypto::identity::IdentityError;

use crate::{
    config::ConfigError,
    domain::appservices,
    net::{iroh::IrohError, tls::TlsError},
    store::{OpenError, StoreError},
};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0:?} is not a server name")]
    Name(String),
    #[error("the data folder {0} is in use by another start of this program")]
    InUse(PathBuf),
    #[error("the data folder {folder} cannot be used")]
    Folder { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the server's key in {path} cannot be read")]
    Identity { path: PathBuf, source: IdentityError },
    #[error("there is no server in {0}: `serve` makes one")]
    NoServer(PathBuf),
    #[error("the server's key is not in {0}: the app keeps it, so the app must run")]
    NoKey(PathBuf),
    #[error("{what} cannot be listened on")]
    Listen { what: String, source: io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Appservices(#[from] appservices::OpenError),
    #[error(transparent)]
    Iroh(#[from] IrohError),
}

impl StartError {
    pub(super) fn listen(what: &str, source: io::Error) -> Self {
        Self::Listen { what: what.to_owned(), source }
    }
}
