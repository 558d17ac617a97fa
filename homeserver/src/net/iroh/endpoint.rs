//! One life of the iroh endpoint, from binding its socket to closing it.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use iroh::{
    Endpoint, EndpointAddr, PublicKey, RelayMode, SecretKey, TransportAddr, Watcher as _,
    endpoint::{BindOpts, Connection, Incoming, IncomingAddr, PortmapperConfig, QuicTransportConfig, presets},
};
use rand::Rng as _;
use tokio::{
    sync::{Semaphore, SetOnce},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{ALPN, IrohError, IrohOptions, address_book::PeerAddresses, strangers::Strangers, ticket::Ticket};
use crate::net::{
    error::TransportError,
    listener::{Hosts, Http, Peer, Serve, serve_connection},
};

/// Streams a peer may have open at once.
const STREAMS_MAX: u32 = 64;
/// A connection without a stream for this long is closed by the side that notices first.
const IDLE: Duration = Duration::from_secs(60);
const TICKET_WAIT: Duration = Duration::from_secs(2);
const PORT_WAIT: Duration = Duration::from_millis(1500);
/// The dynamic ports of RFC 6335. One is chosen here, because the system would choose another for each family.
const PORTS: RangeInclusive<u16> = 49152..=65535;
const PORTS_TRIED: usize = 4;
const PORT_RETRY: Duration = Duration::from_millis(30);

pub(super) struct Running {
    pub(super) endpoint: Endpoint,
    stopped: CancellationToken,
}

impl Running {
    pub(super) async fn bind(options: &IrohOptions, port: u16) -> Result<Self, IrohError> {
        // After a rebuild the old socket is given back only when the last task lets go of the old endpoint.
        let until = Instant::now() + PORT_WAIT;
        if port == 0 && options.only.is_none() {
            for _ in 0..PORTS_TRIED {
                let port = rand::rng().random_range(PORTS);
                if let Ok(endpoint) = Self::bind_port(options, port).await {
                    return Ok(Self { endpoint, stopped: options.shutdown.child_token() });
                }
            }
        }
        let endpoint = loop {
            match Self::bind_port(options, port).await {
                Err(IrohError::Bind(_)) if port != 0 && Instant::now() < until => sleep(PORT_RETRY).await,
                Err(IrohError::Bind(reason)) if port != 0 => {
                    tracing::warn!(port, %reason, "the UDP port of last time is not free; taking another");
                    break Self::bind_port(options, 0).await?;
                }
                bound => break bound?,
            }
        };
        Ok(Self { endpoint, stopped: options.shutdown.child_token() })
    }

    async fn bind_port(options: &IrohOptions, port: u16) -> Result<Endpoint, IrohError> {
        let bind = |error: &dyn std::error::Error| IrohError::Bind(with_sources(error));
        let transport = QuicTransportConfig::builder()
            .max_concurrent_bidi_streams(STREAMS_MAX.into())
            .max_concurrent_uni_streams(0u32.into())
            .datagram_receive_buffer_size(None)
            .build();
        let mut builder = Endpoint::builder(presets::Minimal)
            .secret_key(SecretKey::from_bytes(options.secret.expose()))
            .alpns(vec![ALPN.to_vec()])
            .relay_mode(RelayMode::Disabled)
            .transport_config(transport)
            .portmapper_config(PortmapperConfig::Disabled);
        builder = match options.only {
            Some(address) => {
                builder.clear_ip_transports().bind_addr(SocketAddr::new(address, port)).map_err(|error| bind(&error))?
            }
            // The same port for both families, so that one number keeps every ticket true. IPv6 may be switched off.
            None => builder
                .bind_addr((Ipv4Addr::UNSPECIFIED, port))
                .and_then(|builder| {
                    let may_fail = BindOpts::default().set_is_required(false);
                    builder.bind_addr_with_opts((Ipv6Addr::UNSPECIFIED, port), may_fail)
                })
                .map_err(|error| bind(&error))?,
        };
        builder.bind().await.map_err(|error| bind(&error))
    }

    pub(super) fn port(&self) -> u16 {
        let sockets = self.endpoint.bound_sockets();
        let v4 = sockets.iter().find(|address| address.is_ipv4()).or(sockets.first());
        v4.map_or(0, SocketAddr::port)
    }

    pub(super) async fn ticket(&self) -> Ticket {
        let mut watcher = self.endpoint.watch_addr();
        let found = timeout(TICKET_WAIT, async {
            loop {
                let addresses = watcher.get();
                if !addresses.is_empty() || watcher.updated().await.is_err() {
                    return addresses;
                }
            }
        });
        let addresses = found.await.unwrap_or_else(|_| EndpointAddr::new(self.endpoint.id()));
        Ticket::new(
            *self.endpoint.id().as_bytes(),
            addresses.ip_addrs().copied(),
            addresses.relay_urls().map(ToString::to_string),
        )
    }

    pub(super) async fn dial(&self, key: [u8; 32], addresses: &PeerAddresses) -> Result<Connection, TransportError> {
        let impossible = |error: &dyn std::fmt::Display| TransportError::Destination(error.to_string());
        let id = PublicKey::from_bytes(&key).map_err(|error| impossible(&error))?;
        let relays = addresses.relays().filter_map(|url| url.parse().ok()).map(TransportAddr::Relay);
        let known = addresses.ips().map(TransportAddr::Ip).chain(relays);
        let address = EndpointAddr::from_parts(id, known);
        self.endpoint.connect(address, ALPN).await.map_err(|error| TransportError::Refused(with_sources(&error)))
    }

    /// Hands over each connection that comes in, until the endpoint is stopped.
    pub(super) async fn accept(
        &self,
        options: &IrohOptions,
        take: impl Fn(Connection, Option<SocketAddr>) + Send + Sync,
    ) {
        let strangers = Strangers::new(options.strangers);
        let take = &take;
        let mut handshakes = futures_util::stream::FuturesUnordered::new();
        loop {
            tokio::select! {
                () = self.stopped.cancelled() => return,
                Some(()) = futures_util::StreamExt::next(&mut handshakes) => {}
                incoming = self.endpoint.accept() => {
                    let Some(incoming) = incoming else { return };
                    let from = match incoming.remote_addr() {
                        IncomingAddr::Ip(address) => Some(address),
                        _ => None,
                    };
                    if !strangers.may_try(from, handshakes.len(), Instant::now()) {
                        incoming.ignore();
                        continue;
                    }
                    let handshake = options.limits.handshake;
                    handshakes.push(async move {
                        match timeout(handshake, finish(incoming)).await {
                            Ok(Ok(connection)) => take(connection, from),
                            Ok(Err(error)) => tracing::debug!(?from, %error, "an iroh handshake failed"),
                            Err(_) => tracing::debug!(?from, "an iroh handshake took too long"),
                        }
                    });
                }
            }
        }
    }

    /// Tells the peers and gives the socket back, as far as that goes in this time.
    pub(super) async fn stop(&self, within: Duration) {
        self.stopped.cancel();
        if timeout(within, self.endpoint.close()).await.is_err() {
            tracing::debug!("the iroh endpoint did not close in time");
        }
    }
}

/// iroh's errors name only their own step; what went wrong stands in their sources.
fn with_sources(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn finish(incoming: Incoming) -> Result<Connection, String> {
    incoming.accept().map_err(|error| with_sources(&error))?.await.map_err(|error| with_sources(&error))
}

/// Serves the streams that the peer opens, until the connection ends or nobody has used it for a minute.
pub(super) async fn serve_streams(connection: &Connection, router: &SetOnce<Router>, options: &IrohOptions) {
    let peer = Peer::Iroh(*connection.remote_id().as_bytes());
    let streams = TaskTracker::new();
    let places = Arc::new(Semaphore::new(STREAMS_MAX as usize));
    let mut last_used = Instant::now();
    let mut bytes_before = 0;
    loop {
        tokio::select! {
            () = options.shutdown.cancelled() => break,
            () = sleep_until(last_used + IDLE) => {
                // Our own requests show only in the counters; what packets keep a path alive carry no stream frames.
                let stats = connection.stats();
                let bytes = stats.frame_tx.stream + stats.frame_rx.stream;
                if streams.is_empty() && bytes == bytes_before {
                    connection.close(0u32.into(), b"idle");
                    break;
                }
                bytes_before = bytes;
                last_used = Instant::now();
            }
            accepted = connection.accept_bi() => {
                let Ok((send, receive)) = accepted else { break };
                last_used = Instant::now();
                let Ok(place) = places.clone().acquire_owned().await else { break };
                let router = router.wait().await.clone();
                let serve = Serve { router, limits: options.limits, shutdown: options.shutdown.clone() };
                streams.spawn(async move {
                    let stream = tokio::io::join(receive, send);
                    serve_connection(stream, Http::One, peer, Hosts::any(), serve).await;
                    drop(place);
                });
            }
        }
    }
    streams.close();
    if timeout(options.limits.shutdown, streams.wait()).await.is_err() {
        tracing::debug!("requests of an iroh peer did not end in time");
    }
}
