//! Why a request to another server came to nothing.

use std::{error::Error, net::IpAddr};

use thiserror::Error;

use super::body::BodyError;

/// The reason, told apart as far as the caller acts on it: what is not the peer's fault must not count against the peer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TransportError {
    /// Our own network is down; says nothing about the peer.
    #[error("this computer has no network")]
    Offline,
    /// Key mode only: nobody has told us an address of this server yet.
    #[error("no address of this server is known")]
    NoAddress,
    #[error("the server did not answer in time")]
    Timeout,
    /// Nothing accepts connections there, or the connection broke.
    #[error("the connection failed: {0}")]
    Refused(String),
    #[error("the server's certificate or TLS is not acceptable: {0}")]
    Tls(String),
    #[error("the server's name cannot be resolved: {0}")]
    Resolve(String),
    /// The name leads into a network that only `--allow-network` opens.
    #[error("the address {0} is not in an allowed network")]
    Forbidden(IpAddr),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    /// What came back is not HTTP.
    #[error("the server does not speak HTTP: {0}")]
    Protocol(String),
    /// The request cannot be sent at all: a name in a wrong spelling, or a URL that is none.
    #[error("this is no possible destination: {0}")]
    Destination(String),
    /// A key name, and this server speaks only HTTPS.
    #[error("this server has no transport for key names")]
    KeyNamesOff,
}

impl TransportError {
    /// Whether the peer's backoff may grow because of this.
    pub fn is_peers_fault(&self) -> bool {
        !matches!(self, Self::Offline | Self::NoAddress | Self::Destination(_) | Self::KeyNamesOff)
    }

    /// Finds our own error inside hyper's, else names hyper's own trouble.
    pub(super) fn from_hyper(error: &(dyn Error + 'static)) -> Self {
        let mut source = Some(error);
        let mut text = String::new();
        while let Some(error) = source {
            if let Some(ours) = error.downcast_ref::<Self>() {
                return ours.clone();
            }
            if let Some(body) = error.downcast_ref::<BodyError>() {
                return body.clone().into();
            }
            if let Some(hyper) = error.downcast_ref::<hyper::Error>()
                && (hyper.is_parse() || hyper.is_parse_too_large())
            {
                return Self::Protocol(hyper.to_string());
            }
            text = error.to_string();
            source = error.source();
        }
        Self::Refused(text)
    }
}

impl From<BodyError> for TransportError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(limit) => Self::TooLarge(limit),
            BodyError::Timeout => Self::Timeout,
            BodyError::Broken(reason) => Self::Refused(reason),
        }
    }
}
