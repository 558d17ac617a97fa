//! The real way to other servers: `net`'s transport behind the floor's own seam.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use ruma::ServerName;
use tokio::time::timeout;

use super::transport::{Limits, SendError, Transport};
use crate::net::{body::BodyLimits, error::TransportError, outgoing::ExchangeLimits, transport::FederationTransport};

/// A peer that has begun to answer keeps sending, or is given up.
const SILENCE: Duration = Duration::from_secs(30);

impl Transport for FederationTransport {
    fn send<'a>(
        &'a self,
        server: &'a ServerName,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Response<Bytes>, SendError>> {
        let body = BodyLimits { bytes: limits.body, idle: SILENCE.min(limits.deadline), total: limits.deadline };
        let within = ExchangeLimits { head: limits.deadline, body };
        let exchange = async move {
            let (head, body) = self.send_within(server, request, within).await?.into_parts();
            Ok(Response::from_parts(head, body.bytes(limits.body).await?))
        };
        Box::pin(async move {
            let answer = timeout(limits.deadline, exchange).await;
            answer.unwrap_or(Err(TransportError::Timeout)).map_err(SendError::from)
        })
    }
}

impl From<TransportError> for SendError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Timeout => Self::Timeout,
            TransportError::TooLarge(limit) => Self::TooLarge(limit),
            error if error.is_peers_fault() => Self::Unreachable(error.to_string()),
            error => Self::Ours(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SendError, TransportError};

    #[test]
    fn only_what_is_the_peers_fault_counts_against_it() {
        let ours = [
            TransportError::Offline,
            TransportError::NoAddress,
            TransportError::KeyNamesOff,
            TransportError::Destination(String::new()),
        ];
        assert!(ours.into_iter().all(|error| !SendError::from(error).is_peers_fault()));
        let theirs = [
            TransportError::Timeout,
            TransportError::TooLarge(1),
            TransportError::Refused(String::new()),
            TransportError::Tls(String::new()),
            TransportError::Resolve(String::new()),
            TransportError::Forbidden([10, 0, 0, 1].into()),
            TransportError::Protocol(String::new()),
        ];
        assert!(theirs.into_iter().all(|error| SendError::from(error).is_peers_fault()));
    }
}
