//! The way to the web beyond Matrix servers: push gateways and pages. `net` has the real one.

mod over_net;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};

use super::federation::SendError;

/// What one exchange may cost.
#[derive(Clone, Copy, Debug)]
pub struct WebLimits {
    /// From the first packet to the last byte of the answer.
    pub deadline: Duration,
    /// Bytes of the answer's body that are read, by its headers.
    pub body: fn(&HeaderMap) -> u64,
}

/// An answer, perhaps cut off where its limit was.
#[derive(Clone, Debug)]
pub struct WebAnswer {
    pub response: Response<Bytes>,
    /// The body is all there.
    pub whole: bool,
}

/// Carries requests to whole `https:` (or `http:`) URLs, within the networks that are allowed. Redirects come back as they are.
pub trait Web: Send + Sync + 'static {
    fn send(&self, request: Request<Bytes>, limits: WebLimits) -> BoxFuture<'_, Result<WebAnswer, SendError>>;
}

/// For a server that speaks to nobody.
#[derive(Clone, Copy, Debug)]
pub struct NoWeb;

impl Web for NoWeb {
    fn send(&self, _: Request<Bytes>, _: WebLimits) -> BoxFuture<'_, Result<WebAnswer, SendError>> {
        Box::pin(async { Err(SendError::Ours("the web is off".to_owned())) })
    }
}
