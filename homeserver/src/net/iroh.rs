//! Federation between copies with key names: HTTP/1.1 over the streams of one iroh connection per peer.
//!
//! A peer is its ed25519 public key, proven by the handshake. Whoever dialled, both sides open streams on the connection:
//! a peer whose address nobody told us is answered over the connection that it made. One request is one bidirectional
//! stream; the connection, not the stream, is what is pooled, so a request never waits on a stream of a dead connection.

pub mod address_book;
mod endpoint;
mod peers;
pub mod strangers;
pub mod ticket;

use std::{
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use crypto::Key;
use http::{Request, Response};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use iroh::endpoint::Connection;
use thiserror::Error;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SetOnce},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    address_book::{AddressBook, PeerAddresses, SaveAddresses, Source},
    strangers::StrangerLimits,
    ticket::{Ticket, TicketError},
};
use self::{endpoint::Running, peers::Peers};
use super::{
    body::LimitedBody,
    error::TransportError,
    listener::Limits,
    networks::has_route,
    outgoing::{ExchangeLimits, HEAD_MAX},
};

pub(super) const ALPN: &[u8] = b"matrix-federation/1";
/// Dialling an absent peer would take iroh half a minute.
const DIAL: Duration = Duration::from_secs(6);
/// A live peer sends a packet at least every five seconds; one that has sent none for this long is gone.
const SILENCE: Duration = Duration::from_secs(7);
/// For telling the peers good-bye.
const CLOSE: Duration = Duration::from_secs(1);

/// What an endpoint is made of.
pub struct IrohOptions {
    /// The server's identity: [`crypto::ServerIdentity::secret`].
    pub secret: Key,
    /// The UDP port of last time, so that tickets stay true; another is taken when it is in use. 0: any.
    pub port: u16,
    /// Binds only this address, for tests; `None` binds every interface.
    pub only: Option<std::net::IpAddr>,
    pub limits: Limits,
    pub strangers: StrangerLimits,
    pub shutdown: CancellationToken,
}

#[derive(Debug, Error)]
pub enum IrohError {
    #[error("no UDP port can be opened: {0}")]
    Bind(String),
    #[error("the server's key is not usable")]
    Key,
}

/// The iroh transport. Cheap to clone.
#[derive(Clone)]
pub struct IrohFederation(Arc<Inner>);

struct Inner {
    options: IrohOptions,
    key: [u8; 32],
    /// `None` while it is being rebuilt: the old endpoint's socket closes only when nothing holds it any more.
    running: RwLock<Option<Arc<Running>>>,
    port: AtomicU16,
    peers: Peers,
    book: AddressBook,
    /// The server's router, known only after everything that it uses; peers' streams wait for it.
    router: SetOnce<Router>,
    tasks: TaskTracker,
    /// Places for connections that peers make.
    places: Arc<Semaphore>,
    rebuilding: tokio::sync::Mutex<()>,
}

impl IrohFederation {
    /// Opens the endpoint. Peers can be dialled at once; they are served after [`Self::serve`].
    pub async fn bind(options: IrohOptions, book: AddressBook) -> Result<Self, IrohError> {
        let running = Arc::new(Running::bind(&options, options.port).await?);
        let places = Arc::new(Semaphore::new(options.limits.connections));
        let this = Self(Arc::new(Inner {
            options,
            key: *running.endpoint.id().as_bytes(),
            port: AtomicU16::new(running.port()),
            running: RwLock::new(Some(running.clone())),
            peers: Peers::default(),
            book,
            router: SetOnce::new(),
            places,
            tasks: TaskTracker::new(),
            rebuilding: tokio::sync::Mutex::new(()),
        }));
        this.accept_on(running);
        let closing = this.clone();
        this.0.tasks.spawn(async move {
            closing.0.options.shutdown.cancelled().await;
            if let Ok(running) = closing.running() {
                running.stop(CLOSE).await;
            }
        });
        this.0.tasks.close();
        Ok(this)
    }

    /// Serves the peers' requests with this router from now on; a second call changes nothing.
    pub fn serve(&self, router: Router) {
        if self.0.router.set(router).is_err() {
            tracing::debug!("the iroh transport serves already");
        }
    }

    /// Our public key.
    pub fn key(&self) -> [u8; 32] {
        self.0.key
    }

    /// The UDP port in use, to be given as [`IrohOptions::port`] next time.
    pub fn port(&self) -> u16 {
        self.0.port.load(Ordering::Relaxed)
    }

    /// What another copy needs to reach this one now. Waits up to two seconds for the first addresses.
    pub async fn ticket(&self) -> Ticket {
        match self.running() {
            Ok(running) => running.ticket().await,
            Err(_) => Ticket::new(self.0.key, [], []),
        }
    }

    /// The addresses of peers; a ticket goes in by [`AddressBook::learn`].
    pub fn book(&self) -> &AddressBook {
        &self.0.book
    }

    /// One exchange with the peer of this key. The request's URI is path and query.
    pub async fn send(
        &self,
        key: [u8; 32],
        authority: &str,
        request: Request<Bytes>,
        limits: ExchangeLimits,
    ) -> Result<Response<LimitedBody>, TransportError> {
        let request = super::https::address(request, authority)?;
        let request = super::https::origin_form(request);
        let exchange = async {
            let connection = self.connection(key).await?;
            match self.exchange(&connection, request.clone()).await {
                // The connection was gone before the request was on its way: once more, on a new one.
                Err(Failure::NotSent(reason)) => {
                    tracing::debug!(%reason, "an iroh connection was closed; dialling again");
                    self.0.peers.forget(key, &connection);
                    let connection = self.connection(key).await?;
                    self.exchange(&connection, request).await.map_err(Failure::into_error)
                }
                answer => answer.map_err(Failure::into_error),
            }
        };
        let answer = timeout(limits.head, exchange).await.unwrap_or(Err(TransportError::Timeout))?;
        Ok(answer.map(|body| LimitedBody::new(body, limits.body)))
    }

    /// Builds the endpoint anew: after a sleep its sockets, paths and connections are dead, and nothing has noticed.
    pub async fn wake(&self) {
        let _one_at_a_time = self.0.rebuilding.lock().await;
        if self.0.options.shutdown.is_cancelled() {
            return;
        }
        self.0.peers.clear();
        let old = self.0.running.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(old) = old {
            old.stop(CLOSE).await;
        }
        match Running::bind(&self.0.options, self.port()).await {
            Ok(new) => {
                let new = Arc::new(new);
                tracing::info!(port = new.port(), "the iroh endpoint was built anew");
                self.0.port.store(new.port(), Ordering::Relaxed);
                *self.0.running.write().unwrap_or_else(PoisonError::into_inner) = Some(new.clone());
                self.accept_on(new);
            }
            Err(error) => tracing::error!(%error, "the iroh endpoint could not be built anew"),
        }
    }

    /// Returns after the shutdown token was cancelled and the peers were told.
    pub async fn ended(&self) {
        self.0.tasks.wait().await;
    }

    fn running(&self) -> Result<Arc<Running>, TransportError> {
        let running = self.0.running.read().unwrap_or_else(PoisonError::into_inner).clone();
        running.ok_or(TransportError::Offline)
    }

    async fn connection(&self, key: [u8; 32]) -> Result<Connection, TransportError> {
        let slot = self.0.peers.slot(key);
        if let Some(connection) = slot.current() {
            return Ok(connection);
        }
        // One dial at a time for each peer: the others wait for it and share what it brings.
        let _dialling = slot.dialling().await;
        if let Some(connection) = slot.current() {
            return Ok(connection);
        }
        let addresses = self.0.book.get(&key).ok_or(TransportError::NoAddress)?;
        let running = self.running()?;
        let connection = match timeout(DIAL, running.dial(key, &addresses)).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(error),
            Err(_) if addresses.ips().any(|address| has_route(Some(address.ip()))) => {
                return Err(TransportError::Timeout);
            }
            Err(_) => return Err(TransportError::Offline),
        };
        self.adopt(connection.clone(), None);
        Ok(connection)
    }

    async fn exchange(
        &self,
        connection: &Connection,
        request: Request<Bytes>,
    ) -> Result<Response<hyper::body::Incoming>, Failure> {
        let not_sent = |error: &dyn std::fmt::Display| Failure::NotSent(error.to_string());
        let (send, receive) = connection.open_bi().await.map_err(|error| not_sent(&error))?;
        let stream = TokioIo::new(tokio::io::join(receive, send));
        let mut builder = http1::Builder::new();
        let handshake = builder.max_buf_size(HEAD_MAX).handshake(stream);
        let (mut sender, driver) = handshake.await.map_err(|error| not_sent(&error))?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "an iroh stream ended badly");
            }
        });
        let alive = connection.clone();
        tokio::select! {
            answer = sender.send_request(request.map(Full::new)) => {
                answer.map_err(|error| Failure::Sent(TransportError::from_hyper(&error)))
            }
            () = silence(&alive) => {
                tracing::debug!("a peer has gone silent; its connection is closed");
                alive.close(0u32.into(), b"silent");
                Err(Failure::Sent(TransportError::Timeout))
            }
        }
    }

    /// Makes a connection, dialled or accepted, the one to use for its peer and serves the peer's streams on it.
    fn adopt(&self, connection: Connection, place: Option<OwnedSemaphorePermit>) {
        let key = *connection.remote_id().as_bytes();
        self.0.peers.slot(key).adopt(connection.clone());
        let this = self.clone();
        tokio::spawn(async move {
            endpoint::serve_streams(&connection, &this.0.router, &this.0.options).await;
            this.0.peers.forget(key, &connection);
            drop(place);
        });
    }

    fn accept_on(&self, running: Arc<Running>) {
        let this = self.clone();
        tokio::spawn(async move {
            running
                .accept(&this.0.options, |connection, from: Option<SocketAddr>| {
                    let Ok(place) = this.0.places.clone().try_acquire_owned() else {
                        tracing::debug!(?from, "too many iroh connections");
                        return connection.close(0u32.into(), b"busy");
                    };
                    if let Some(address) = from {
                        this.0.book.seen(*connection.remote_id().as_bytes(), address);
                    }
                    this.adopt(connection, Some(place));
                })
                .await;
        });
    }
}

/// How far a failed exchange came: what was never sent may be sent again.
enum Failure {
    NotSent(String),
    Sent(TransportError),
}

impl Failure {
    fn into_error(self) -> TransportError {
        match self {
            Self::NotSent(reason) => TransportError::Refused(reason),
            Self::Sent(error) => error,
        }
    }
}

/// Ends when nothing at all has come from the peer for [`SILENCE`].
async fn silence(connection: &Connection) {
    let mut received = connection.stats().udp_rx.datagrams;
    loop {
        sleep(SILENCE).await;
        let now = connection.stats().udp_rx.datagrams;
        if now == received {
            return;
        }
        received = now;
    }
}

#[cfg(test)]
mod tests;
