//! Outgoing connections: from a host and a port to a TCP or TLS stream, within the allowed networks.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::pki_types::ServerName as CertificateName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

use super::{
    dns::{Dns, DnsError},
    error::TransportError,
    networks::{AllowedNetworks, has_route},
    tls::ClientTls,
};

/// From the first look-up to the end of the TLS handshake.
const CONNECT: Duration = Duration::from_secs(10);
/// Head start of one address over the next (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);
const ADDRESSES_TRIED: usize = 8;

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    tls: ClientTls,
    networks: AllowedNetworks,
    dns: Arc<dyn Dns>,
    has_route: fn(Option<IpAddr>) -> bool,
}

/// A host as URLs and server names write it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    Ip(IpAddr),
    /// In lower case, without a dot at its end.
    Name(String),
}

impl Host {
    /// `None` for what cannot be a host. An IPv6 address may stand in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Some(Self::Ip(address));
        }
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let possible = !name.is_empty() && name.len() <= 253 && name.bytes().all(allowed);
        possible.then_some(Self::Name(name))
    }
}

/// What to connect to and, for TLS, whose certificate is expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub host: Host,
    pub port: u16,
    pub certificate: Option<Host>,
}

/// One open connection, as hyper's pooled client takes it.
pub struct Io(TokioIo<Pin<Box<dyn Stream>>>);

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

impl Connector {
    pub fn new(tls: ClientTls, networks: AllowedNetworks, dns: Arc<dyn Dns>) -> Self {
        Self(Arc::new(Inner { tls, networks, dns, has_route }))
    }

    pub fn dns(&self) -> &Arc<dyn Dns> {
        &self.0.dns
    }

    /// Tries the targets in turn until one answers, all within ten seconds.
    pub async fn connect(&self, targets: &[Target]) -> Result<Io, TransportError> {
        match timeout(CONNECT, self.connect_in_turn(targets)).await {
            Ok(result) => result,
            Err(_) if !(self.0.has_route)(None) && targets.iter().all(|target| !is_local(target)) => {
                Err(TransportError::Offline)
            }
            Err(_) => Err(TransportError::Timeout),
        }
    }

    async fn connect_in_turn(&self, targets: &[Target]) -> Result<Io, TransportError> {
        let mut first_error = None;
        for target in targets {
            match self.connect_one(target).await {
                Ok(io) => return Ok(io),
                Err(error) => {
                    tracing::debug!(host = ?target.host, port = target.port, %error, "could not connect");
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.unwrap_or_else(|| TransportError::Resolve("there is no server to connect to".to_owned())))
    }

    async fn connect_one(&self, target: &Target) -> Result<Io, TransportError> {
        let addresses = self.addresses(target).await?;
        let stream = self.connect_tcp(&addresses).await?;
        let Some(expected) = &target.certificate else { return Ok(Io::new(stream)) };
        let name = match expected {
            Host::Ip(address) => CertificateName::from(*address),
            Host::Name(name) => CertificateName::try_from(name.clone())
                .map_err(|error| TransportError::Destination(error.to_string()))?,
        };
        let tls = TlsConnector::from(self.tls_config().await?);
        let stream = tls.connect(name, stream).await.map_err(|error| tls_failure(&error))?;
        Ok(Io::new(stream))
    }

    async fn tls_config(&self) -> Result<Arc<rustls::ClientConfig>, TransportError> {
        let tls = self.0.tls.clone();
        let config = if tls.is_ready() {
            tls.config()
        } else {
            let blocking = tokio::task::spawn_blocking(move || tls.config());
            blocking.await.map_err(|error| TransportError::Tls(error.to_string()))?
        };
        config.map_err(|error| TransportError::Tls(error.to_string()))
    }

    /// The target's permitted addresses. They, not the name, are connected to: a second look-up cannot lead elsewhere.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, TransportError> {
        let found = match &target.host {
            Host::Ip(address) => vec![*address],
            Host::Name(name) => self.0.dns.addresses(name).await.map_err(|error| match error {
                DnsError::Failed(_) if !(self.0.has_route)(None) => TransportError::Offline,
                error => TransportError::Resolve(error.to_string()),
            })?,
        };
        let permitted: Vec<SocketAddr> = found
            .iter()
            .filter(|address| self.0.networks.permit(**address))
            .take(ADDRESSES_TRIED)
            .map(|address| SocketAddr::new(*address, target.port))
            .collect();
        match found.first() {
            Some(refused) if permitted.is_empty() => Err(TransportError::Forbidden(*refused)),
            _ => Ok(permitted),
        }
    }

    async fn connect_tcp(&self, addresses: &[SocketAddr]) -> Result<TcpStream, TransportError> {
        let mut attempts: FuturesUnordered<_> = (0u32..)
            .zip(addresses)
            .map(|(place, address)| async move {
                sleep(STAGGER * place).await;
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                io::Result::Ok(stream)
            })
            .collect();
        let mut reason = "there is no address to connect to".to_owned();
        while let Some(attempt) = attempts.next().await {
            match attempt {
                Ok(stream) => {
                    let connected = stream.peer_addr().map_err(|error| TransportError::Refused(error.to_string()))?;
                    if !self.0.networks.permit(connected.ip()) {
                        return Err(TransportError::Forbidden(connected.ip()));
                    }
                    return Ok(stream);
                }
                Err(error) => reason = error.to_string(),
            }
        }
        let reachable = addresses.iter().any(|address| (self.0.has_route)(Some(address.ip())));
        if reachable { Err(TransportError::Refused(reason)) } else { Err(TransportError::Offline) }
    }
}

fn is_local(target: &Target) -> bool {
    match &target.host {
        Host::Ip(address) => address.is_loopback(),
        Host::Name(name) => name == "localhost",
    }
}

fn tls_failure(error: &io::Error) -> TransportError {
    let is_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    if is_tls { TransportError::Tls(error.to_string()) } else { TransportError::Refused(error.to_string()) }
}

impl Io {
    pub(super) fn new(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        Self(TokioIo::new(Box::pin(stream)))
    }
}

impl Connection for Io {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
