//! The way to application services: one request to a whole URL, one answer, bounded. `start` has the real one.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};

use crate::domain::federation::{Limits, SendError};

/// Carries requests to the URLs that the owner wrote down, wherever they lead.
pub trait Transport: Send + Sync + 'static {
    fn send(&self, request: Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, SendError>>;
}

/// For a server without application services.
#[derive(Clone, Copy, Debug)]
pub struct NoTransport;

impl Transport for NoTransport {
    fn send(&self, _: Request<Bytes>, _: Limits) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        Box::pin(async { Err(SendError::Ours("application services are off".to_owned())) })
    }
}
