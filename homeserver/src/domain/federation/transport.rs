//! The way to another server: one request, one answer, bounded. `net` has the real ones.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use ruma::ServerName;

/// What one exchange may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first packet to the last byte of the answer.
    pub deadline: Duration,
    /// Bytes of the answer's body.
    pub body: u64,
}

/// Carries requests to other servers.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request`, whose URI is path and query alone, to `server`.
    fn send<'a>(
        &'a self,
        server: &'a ServerName,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Response<Bytes>, SendError>>;
}

/// No answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Our own side cannot: says nothing about the peer.
    #[error("not sent: {0}")]
    Ours(String),
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the server did not answer in time")]
    Timeout,
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
}

impl SendError {
    /// Whether it counts against the peer.
    pub fn is_peers_fault(&self) -> bool {
        !matches!(self, Self::Ours(_))
    }
}

/// For a server that speaks to nobody.
#[derive(Clone, Copy, Debug)]
pub struct NoNetwork;

impl Transport for NoNetwork {
    fn send<'a>(
        &'a self,
        _: &'a ServerName,
        _: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'a, Result<Response<Bytes>, SendError>> {
        Box::pin(async { Err(SendError::Ours("federation is off".to_owned())) })
    }
}
