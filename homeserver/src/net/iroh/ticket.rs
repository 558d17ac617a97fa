//! Tickets: a peer's key and where it can be reached, as one short word in a link, a QR code or a flag.
//!
//! base64url without padding of `1 ‖ key (32) ‖ count ‖ addresses ‖ count ‖ relays ‖ check (4)`. An address is `4 ‖ IPv4 ‖
//! port` or `6 ‖ IPv6 ‖ port`, a relay `length ‖ URL`; the check is the beginning of SHA-256 over all before it and tells a
//! ticket that was cut when it was copied.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use url::Url;

use super::address_book::PeerAddresses;

const VERSION: u8 = 1;
const RELAY_MAX: usize = 120;
const CHECK: usize = 4;
/// Eight IPv6 addresses and two relays of full length, in base64.
pub const TICKET_MAX: usize = 640;

/// What is needed to dial a peer. Shown and parsed as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    key: [u8; 32],
    addresses: PeerAddresses,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TicketError {
    #[error("this is no ticket")]
    Format,
    #[error("the ticket is cut off or mistyped")]
    Check,
    #[error("the ticket was made by a newer version of this program")]
    Version,
}

impl Ticket {
    /// Keeps at most eight addresses and two relays of at most 120 characters.
    pub fn new(
        key: [u8; 32],
        ips: impl IntoIterator<Item = SocketAddr>,
        relays: impl IntoIterator<Item = String>,
    ) -> Self {
        let relays = relays.into_iter().filter(|url| is_relay(url));
        Self { key, addresses: PeerAddresses::new(ips, relays) }
    }

    pub fn key(&self) -> [u8; 32] {
        self.key
    }

    pub fn addresses(&self) -> &PeerAddresses {
        &self.addresses
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.key);
        let ips: Vec<SocketAddr> = self.addresses.ips().collect();
        bytes.push(ips.len() as u8);
        for ip in ips {
            match ip.ip() {
                IpAddr::V4(v4) => {
                    bytes.push(4);
                    bytes.extend_from_slice(&v4.octets());
                }
                IpAddr::V6(v6) => {
                    bytes.push(6);
                    bytes.extend_from_slice(&v6.octets());
                }
            }
            bytes.extend_from_slice(&ip.port().to_be_bytes());
        }
        let relays: Vec<&str> = self.addresses.relays().collect();
        bytes.push(relays.len() as u8);
        for relay in relays {
            bytes.push(relay.len() as u8);
            bytes.extend_from_slice(relay.as_bytes());
        }
        let check = check(&bytes);
        bytes.extend_from_slice(&check);
        to.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let text = text.trim();
        if text.is_empty() || text.len() > TICKET_MAX {
            return Err(TicketError::Format);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TicketError::Format)?;
        let (content, found) = bytes.split_last_chunk::<CHECK>().ok_or(TicketError::Format)?;
        if *found != check(content) {
            return Err(TicketError::Check);
        }
        let mut rest = Rest(content);
        if rest.byte()? != VERSION {
            return Err(TicketError::Version);
        }
        let key = rest.array()?;
        let ips = (0..rest.byte()?).map(|_| rest.address()).collect::<Result<Vec<_>, _>>()?;
        let relays = (0..rest.byte()?).map(|_| rest.relay()).collect::<Result<Vec<_>, _>>()?;
        if rest.0.is_empty() { Ok(Self::new(key, ips, relays)) } else { Err(TicketError::Format) }
    }
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], TicketError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(TicketError::Format)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, TicketError> {
        self.array().map(|[byte]| byte)
    }

    fn address(&mut self) -> Result<SocketAddr, TicketError> {
        let ip = match self.byte()? {
            4 => IpAddr::from(self.array::<4>()?),
            6 => IpAddr::from(self.array::<16>()?),
            _ => return Err(TicketError::Format),
        };
        Ok(SocketAddr::new(ip, u16::from_be_bytes(self.array()?)))
    }

    fn relay(&mut self) -> Result<String, TicketError> {
        let length = usize::from(self.byte()?);
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TicketError::Format)?;
        self.0 = rest;
        let url = std::str::from_utf8(taken).map_err(|_| TicketError::Format)?;
        if is_relay(url) { Ok(url.to_owned()) } else { Err(TicketError::Format) }
    }
}

fn is_relay(url: &str) -> bool {
    url.len() <= RELAY_MAX && Url::parse(url).is_ok_and(|url| url.scheme() == "https" && url.has_host())
}

fn check(content: &[u8]) -> [u8; CHECK] {
    let digest = Sha256::digest(content);
    let mut check = [0; CHECK];
    check.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    check
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    use super::{TICKET_MAX, Ticket, TicketError};

    #[test]
    fn a_ticket_of_one_address_is_short() {
        let ticket = Ticket::new([7; 32], ["192.168.1.20:41234".parse().unwrap()], []);
        assert!(ticket.to_string().len() <= 64, "{ticket}");
        assert_eq!(ticket.to_string().parse(), Ok(ticket));
    }

    #[test]
    fn cut_foreign_and_newer_tickets_are_told_apart() {
        let text = Ticket::new([7; 32], [], []).to_string();
        assert!((1..text.len()).all(|length| text[..length].parse::<Ticket>().is_err()));
        assert_eq!(text.replacen('B', "C", 1).parse::<Ticket>(), Err(TicketError::Check));
        assert_eq!("".parse::<Ticket>(), Err(TicketError::Format));
        assert_eq!("@alice:example.org".parse::<Ticket>(), Err(TicketError::Format));
        assert_eq!("A".repeat(TICKET_MAX + 1).parse::<Ticket>(), Err(TicketError::Format));
        let mut newer = vec![2; 40];
        let check = super::check(&newer);
        newer.extend_from_slice(&check);
        let newer = base64::Engine::encode(&super::URL_SAFE_NO_PAD, newer);
        assert_eq!(newer.parse::<Ticket>(), Err(TicketError::Version));
    }

    #[test]
    fn only_https_relays_of_bounded_length_are_kept() {
        let long = format!("https://{}.example/", "x".repeat(150));
        let relays = ["http://a.example/", "file:///etc", &long, "https://r.example/"].map(str::to_owned);
        let ticket = Ticket::new([7; 32], [], relays);
        assert_eq!(ticket.addresses().relays().collect::<Vec<_>>(), ["https://r.example/"]);
    }

    proptest! {
        #[test]
        fn every_ticket_round_trips_within_its_bound(
            key in any::<[u8; 32]>(),
            ips in prop::collection::vec(any::<SocketAddr>(), 0..12),
            relays in prop::collection::vec("https://[a-z]{1,20}\\.example/", 0..4),
        ) {
            let plain = ips.into_iter().map(|ip| SocketAddr::new(ip.ip(), ip.port()));
            let ticket = Ticket::new(key, plain, relays);
            let text = ticket.to_string();
            prop_assert!(text.len() <= TICKET_MAX);
            prop_assert_eq!(text.parse(), Ok(ticket));
        }

        #[test]
        fn garbage_never_panics(text in "[A-Za-z0-9_-]{0,700}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = text.parse::<Ticket>();
            let mut with_check = bytes;
            let check = super::check(&with_check);
            with_check.extend_from_slice(&check);
            let _ = base64::Engine::encode(&super::URL_SAFE_NO_PAD, with_check).parse::<Ticket>();
        }
    }
}
