//! The socket on which the TURN server listens: what is no TURN and what comes too fast never reaches the library.

use std::{
    any::Any,
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use tokio::{net::UdpSocket, time::Instant};
use tokio_util::sync::CancellationToken;
use webrtc_util::Conn;

use super::quota::{Bucket, Quotas};

/// Addresses whose requests are counted one by one; when there are more, they share what one may.
const ADDRESSES: usize = 4096;
/// Of STUN (RFC 8489, section 5).
const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING: u16 = 0x0001;

pub(super) struct Front {
    socket: Arc<UdpSocket>,
    quotas: Arc<Quotas>,
    shutdown: CancellationToken,
    requests: AtomicU32,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

/// What a datagram is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A question that the library answers by heart.
    Binding,
    Request,
    /// Data for a peer, in either form.
    Data,
    Nothing,
}

impl Front {
    pub fn new(socket: Arc<UdpSocket>, quotas: Arc<Quotas>, shutdown: CancellationToken) -> Self {
        Self { socket, quotas, shutdown, requests: AtomicU32::new(0), buckets: Mutex::default() }
    }

    /// Whether the library has answered so many requests that it should be started anew.
    pub fn is_worn(&self) -> bool {
        self.requests.load(Ordering::Relaxed) >= self.quotas.limits.worn
    }

    /// For a library that starts anew.
    pub fn renew(&self) {
        self.requests.store(0, Ordering::Relaxed);
    }

    fn passes(&self, datagram: &[u8], from: SocketAddr) -> bool {
        let kind = kind(datagram);
        match kind {
            Kind::Data => true,
            Kind::Nothing => false,
            Kind::Binding => self.is_in_time(from.ip()),
            Kind::Request => {
                self.is_in_time(from.ip())
                    && self.requests.fetch_add(1, Ordering::Relaxed) < self.quotas.limits.most_requests
            }
        }
    }

    fn is_in_time(&self, from: IpAddr) -> bool {
        let (limits, now) = (&self.quotas.limits, Instant::now());
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES {
            buckets.retain(|_, bucket| !bucket.is_idle(now));
        }
        // An IPv6 network of one customer counts as one.
        let from = match from.to_canonical() {
            IpAddr::V6(v6) => IpAddr::from((u128::from(v6) >> 64 << 64).to_be_bytes()),
            v4 @ IpAddr::V4(_) => v4,
        };
        let from =
            if buckets.len() >= ADDRESSES && !buckets.contains_key(&from) { IpAddr::from([0, 0, 0, 0]) } else { from };
        let bucket = buckets.entry(from).or_insert_with(|| Bucket::full(limits.requests_at_once, now));
        bucket.take(1.0, limits.requests_a_second, limits.requests_at_once, now)
    }
}

fn kind(datagram: &[u8]) -> Kind {
    let [first, second, high, low, rest @ ..] = datagram else { return Kind::Nothing };
    let (word, length) = (u16::from_be_bytes([*first, *second]), usize::from(u16::from_be_bytes([*high, *low])));
    match word {
        // Channel data (RFC 8656, section 12): padding may follow.
        0x4000..=0x4fff if length <= rest.len() => Kind::Data,
        0x0000..=0x3fff if rest.starts_with(&COOKIE) && datagram.len() == HEADER + length && length % 4 == 0 => {
            match word & 0x0110 {
                0x0000 if word == BINDING => Kind::Binding,
                0x0000 => Kind::Request,
                0x0010 => Kind::Data,
                _ => Kind::Nothing,
            }
        }
        _ => Kind::Nothing,
    }
}

#[async_trait]
impl Conn for Front {
    async fn connect(&self, _: SocketAddr) -> Result<(), webrtc_util::Error> {
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }

    async fn recv(&self, buffer: &mut [u8]) -> Result<usize, webrtc_util::Error> {
        Ok(self.recv_from(buffer).await?.0)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), webrtc_util::Error> {
        loop {
            let received = tokio::select! {
                () = self.shutdown.cancelled() => return Err(io::Error::from(io::ErrorKind::NotConnected).into()),
                received = self.socket.recv_from(buffer) => received,
            };
            // An error is that of an earlier sending, whose peer is gone.
            let Ok((size, from)) = received else { continue };
            if buffer.get(..size).is_some_and(|datagram| self.passes(datagram, from)) {
                return Ok((size, from));
            }
        }
    }

    async fn send(&self, _: &[u8]) -> Result<usize, webrtc_util::Error> {
        Err(io::Error::from(io::ErrorKind::NotConnected).into())
    }

    async fn send_to(&self, datagram: &[u8], to: SocketAddr) -> Result<usize, webrtc_util::Error> {
        Ok(self.socket.send_to(datagram, to).await?)
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        Ok(self.socket.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        // Called whenever a relay ends: the socket is all relays'.
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
