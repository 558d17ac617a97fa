//! Where a request came from, for rate limits and device lists.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::{Extensions, request};

use crate::net::listener::Peer;

use super::{error::ApiError, parts::Parts};

/// Whether the request came through the owner's socket, which nobody else can open.
pub fn is_owner(extensions: &Extensions) -> bool {
    matches!(extensions.get::<Peer>(), Some(Peer::Unix))
}

/// A request that counts against what its address may ask, for handlers that read their requests themselves.
pub struct Counted;

impl FromRequestParts<Parts> for Counted {
    type Rejection = ApiError;

    async fn from_request_parts(head: &mut request::Parts, parts: &Parts) -> Result<Self, ApiError> {
        if let Some(key) = peer_key(&head.extensions) {
            parts.accounts.count_request(&key)?;
        }
        Ok(Self)
    }
}

/// The address that a TCP connection came from; `None` on the Unix socket. Listeners put a `Peer` into each request.
pub fn peer_ip(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Peer>().and_then(Peer::ip)
}

/// A key for rate limits: IPv6 addresses count by network, since each host has as many addresses as it likes.
pub fn peer_key(extensions: &Extensions) -> Option<String> {
    match peer_ip(extensions)? {
        IpAddr::V4(ip) => Some(ip.to_string()),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Some(format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"))
        }
    }
}
