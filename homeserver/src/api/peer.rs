//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::Extensions;

/// The address that a TCP connection came from; `None` on the Unix socket. Listeners put it into each request as `ConnectInfo`.
pub fn peer_ip(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical())
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
