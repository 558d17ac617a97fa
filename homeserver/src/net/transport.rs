//! Federation transport: one `send` for every server name, by iroh where the name is a key and by HTTPS elsewhere.

use bytes::Bytes;
use crypto::name::{NameKind, kind};
use http::{Request, Response};
use ruma::ServerName;

use super::{
    body::LimitedBody, error::TransportError, https::HttpsFederation, iroh::IrohFederation, outgoing::ExchangeLimits,
};

/// Sends requests to other servers. Policy-free: no signature, no retry, no queue.
pub struct FederationTransport {
    https: HttpsFederation,
    iroh: Option<IrohFederation>,
}

impl FederationTransport {
    /// `iroh` is there when this server's own name is a key.
    pub fn new(https: HttpsFederation, iroh: Option<IrohFederation>) -> Self {
        Self { https, iroh }
    }

    /// One exchange with the default limits: 30 s to the answer's head, 16 MiB of body.
    pub async fn send(
        &self,
        server: &ServerName,
        request: Request<Bytes>,
    ) -> Result<Response<LimitedBody>, TransportError> {
        self.send_within(server, request, ExchangeLimits::default()).await
    }

    /// One exchange. The request's URI is path and query, exactly as it was signed; any `Host` in it is replaced.
    pub async fn send_within(
        &self,
        server: &ServerName,
        request: Request<Bytes>,
        limits: ExchangeLimits,
    ) -> Result<Response<LimitedBody>, TransportError> {
        match (kind(server), &self.iroh) {
            (NameKind::Key(key), Some(iroh)) => iroh.send(key, server.as_str(), request, limits).await,
            // A key name under a real zone may have a gateway there, which speaks HTTPS; `.alt` never resolves.
            (NameKind::Key(_), None) if server.host().ends_with(".alt") => Err(TransportError::KeyNamesOff),
            (NameKind::Key(_), None) | (NameKind::Ordinary, _) => self.https.send(server, request, limits).await,
            (NameKind::Misspelt, _) => Err(TransportError::Destination(server.to_string())),
        }
    }

    /// The iroh transport, for tickets and the address book.
    pub fn iroh(&self) -> Option<&IrohFederation> {
        self.iroh.as_ref()
    }

    /// After a sleep or a change of network: drops pooled connections, reads the name servers again, rebuilds iroh.
    pub async fn wake(&self) {
        self.https.wake();
        if let Some(iroh) = &self.iroh {
            iroh.wake().await;
        }
    }
}

#[cfg(test)]
mod tests;
