//! Where a request came from, for rate limits and device lists.

use std::net::IpAddr;

use http::Extensions;

use crate::net::listener::Peer;

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
