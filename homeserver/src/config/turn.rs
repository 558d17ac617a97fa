//! The TURN servers that calls may use: one of our own, and others.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Listen;

/// TURN servers. Those of others are known by their URIs, with either one name and password for everybody or the secret from which each
/// user's are made. One of our own needs no secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// Where our own listens, over UDP. It relays to the public Internet, and to what `allow_networks` adds.
    pub listen: Listen,
    /// Where others reach it, when that is not the address of this computer: behind a mapped port.
    pub address: Option<IpAddr>,
    /// The first and the last port of its relays; any by default.
    pub relay_ports: Option<(u16, u16)>,
    /// `turn:` and `turns:` URIs of others.
    pub uris: Vec<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    /// The secret that the TURN server knows too (`static-auth-secret` of coturn).
    pub secret: Option<String>,
    /// Seconds that credentials live.
    pub lifetime: u32,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            listen: Listen::Off,
            address: None,
            relay_ports: None,
            uris: Vec::new(),
            username: None,
            password: None,
            secret: None,
            lifetime: 24 * 3600,
        }
    }
}

impl Turn {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let own = self.listen.address();
        if own.is_none() && self.uris.is_empty() {
            return Err("uris must name at least one URI, unless listen says where our own server listens");
        }
        if !self.uris.iter().all(|uri| uri.starts_with("turn:") || uri.starts_with("turns:")) {
            return Err("each of the uris begins with `turn:` or `turns:`");
        }
        if own.is_none() && (self.address.is_some() || self.relay_ports.is_some()) {
            return Err("address and relay_ports are those of our own server: say where it listens");
        }
        if own.zip(self.address).is_some_and(|(listen, address)| listen.is_ipv4() != address.is_ipv4()) {
            return Err("listen and address are both of IPv4, or both of IPv6");
        }
        if self.relay_ports.is_some_and(|(first, last)| first == 0 || last < first) {
            return Err("relay_ports are a first port above 0, and a last one");
        }
        if self.lifetime == 0 {
            return Err("lifetime is a number of seconds above 0");
        }
        match (&self.secret, &self.username, &self.password) {
            (Some(secret), None, None) if !secret.is_empty() => Ok(()),
            (None, Some(_), Some(_)) if own.is_none() => Ok(()),
            (None, None, None) if self.uris.is_empty() => Ok(()),
            _ if own.is_some() => Err("beside our own server, others are used by a secret that all of them know"),
            _ => Err("give either a secret, or a username and a password"),
        }
    }
}
