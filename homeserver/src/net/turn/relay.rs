//! The addresses of relays, and what may pass them.

use std::{
    any::Any,
    io,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use rand::Rng;
use tokio::{net::UdpSocket, time::Instant};
use turn::relay::RelayAddressGenerator;
use webrtc_util::Conn;

use super::quota::{Bucket, Place, Quotas};
use crate::net::networks::AllowedNetworks;

/// Ports that are tried before there is none.
const ATTEMPTS: usize = 32;

/// Makes relays for those who have room for one more.
pub(super) struct Relays {
    pub inside: IpAddr,
    pub outside: IpAddr,
    pub ports: Option<RangeInclusive<u16>>,
    pub networks: AllowedNetworks,
    pub quotas: Arc<Quotas>,
}

impl Relays {
    async fn bind(&self) -> io::Result<UdpSocket> {
        let Some(ports) = &self.ports else { return UdpSocket::bind((self.inside, 0)).await };
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            let port = rand::rng().random_range(ports.clone());
            match UdpSocket::bind((self.inside, port)).await {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

#[async_trait]
impl RelayAddressGenerator for Relays {
    fn validate(&self) -> Result<(), turn::Error> {
        match &self.ports {
            Some(ports) if ports.is_empty() || *ports.start() == 0 => Err(turn::Error::ErrMaxPortLessThanMinPort),
            _ => Ok(()),
        }
    }

    /// A port that is asked for is not given: whoever could choose would take one that others expect something else at.
    async fn allocate_conn(
        &self,
        use_ipv4: bool,
        _: u16,
    ) -> Result<(Arc<dyn Conn + Send + Sync>, SocketAddr), turn::Error> {
        if use_ipv4 != self.outside.is_ipv4() {
            return Err(turn::Error::ErrInvalidRequestedFamilyValue);
        }
        let Some(place) = self.quotas.take() else { return Err(turn::Error::ErrMaxRetriesExceeded) };
        let socket = self.bind().await.map_err(webrtc_util::Error::from)?;
        let port = socket.local_addr().map_err(webrtc_util::Error::from)?.port();
        let relay = Relay::new(socket, self.networks.clone(), Arc::clone(&self.quotas), place);
        Ok((Arc::new(relay), SocketAddr::new(self.outside, port)))
    }
}

struct Relay {
    socket: UdpSocket,
    networks: AllowedNetworks,
    quotas: Arc<Quotas>,
    outward: Mutex<Bucket>,
    inward: Mutex<Bucket>,
    _place: Place,
}

impl Relay {
    fn new(socket: UdpSocket, networks: AllowedNetworks, quotas: Arc<Quotas>, place: Place) -> Self {
        let full = Bucket::full(quotas.limits.burst, Instant::now());
        Self { socket, networks, quotas, outward: Mutex::new(full), inward: Mutex::new(full), _place: place }
    }

    fn passes(&self, bucket: &Mutex<Bucket>, bytes: usize, peer: SocketAddr) -> bool {
        let limits = &self.quotas.limits;
        self.networks.permit(peer.ip())
            && bucket.lock().unwrap_or_else(PoisonError::into_inner).take(
                bytes as f64,
                limits.bytes_a_second,
                limits.burst,
                Instant::now(),
            )
    }
}

#[async_trait]
impl Conn for Relay {
    async fn connect(&self, _: SocketAddr) -> Result<(), webrtc_util::Error> {
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }

    async fn recv(&self, buffer: &mut [u8]) -> Result<usize, webrtc_util::Error> {
        Ok(self.recv_from(buffer).await?.0)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), webrtc_util::Error> {
        loop {
            // An error is that of an earlier sending, whose peer is gone; the relay stands.
            let Ok((size, from)) = self.socket.recv_from(buffer).await else { continue };
            if self.passes(&self.inward, size, from) {
                return Ok((size, from));
            }
        }
    }

    async fn send(&self, _: &[u8]) -> Result<usize, webrtc_util::Error> {
        Err(io::Error::from(io::ErrorKind::NotConnected).into())
    }

    /// What may not pass is lost, as it may be on any way of datagrams.
    async fn send_to(&self, datagram: &[u8], to: SocketAddr) -> Result<usize, webrtc_util::Error> {
        if self.passes(&self.outward, datagram.len(), to) {
            // So is what the system does not send.
            let _ = self.socket.send_to(datagram, to).await;
        }
        Ok(datagram.len())
    }

    fn local_addr(&self) -> Result<SocketAddr, webrtc_util::Error> {
        Ok(self.socket.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> Result<(), webrtc_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
