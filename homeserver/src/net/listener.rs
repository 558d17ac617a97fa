//! Listeners: TCP, TLS and the Unix socket, each with its own accept loop before one and the same router.
//!
//! Each request carries a [`Peer`] extension. A listener ends when its [`Serve::shutdown`] token is cancelled: it stops
//! accepting, lets running requests finish within [`Limits::shutdown`], and then [`Listener::ended`] returns.

mod connection;
mod hosts;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::Router;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle, time::timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) use self::connection::{Http, serve_connection};
pub use self::hosts::Hosts;
use super::body::BodyLimits;

/// Who sent a request, as far as the transport knows. A request extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Plain HTTP.
    Tcp(SocketAddr),
    Tls(SocketAddr),
    /// The owner's socket: whoever may open it is the owner.
    Unix,
    /// A copy of this program, by the public key that its handshake proved.
    Iroh([u8; 32]),
}

impl Peer {
    /// The address to count a client's requests by.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) | Self::Tls(address) => Some(address.ip().to_canonical()),
            Self::Unix | Self::Iroh(_) => None,
        }
    }
}

/// What every kind of listener needs.
#[derive(Clone)]
pub struct Serve {
    pub router: Router,
    pub limits: Limits,
    pub shutdown: CancellationToken,
}

/// Bounds on what strangers can take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections of this listener; more wait in the system's queue.
    pub connections: usize,
    /// Open connections from one IP address, or one /64 of IPv6; more are closed at once.
    pub per_address: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For a request's head, and how long a connection may be idle.
    pub head: Duration,
    /// Requests under way in one HTTP/2 connection.
    pub streams: u32,
    pub body: BodyLimits,
    /// For running requests when the listener ends.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            per_address: 256,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(60),
            streams: 128,
            body: BodyLimits {
                bytes: 512 * 1024 * 1024,
                idle: Duration::from_secs(30),
                total: Duration::from_secs(30 * 60),
            },
            shutdown: Duration::from_secs(4),
        }
    }
}

impl Limits {
    /// Where only other servers are served: they send no files and do not think about what they ask.
    pub fn federation() -> Self {
        Self {
            head: Duration::from_secs(15),
            streams: 16,
            body: BodyLimits { bytes: 16 * 1024 * 1024, idle: Duration::from_secs(10), total: Duration::from_secs(60) },
            ..Self::default()
        }
    }
}

/// A listener that serves.
pub struct Listener {
    address: Option<SocketAddr>,
    task: JoinHandle<()>,
}

impl Listener {
    /// The bound address, port 0 replaced by the real one; `None` for the Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Returns after the shutdown token was cancelled and the last connection has ended.
    pub async fn ended(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a listener's task failed");
        }
    }
}

/// Plain HTTP/1.1, which browsers can reach too: on a loopback address only the named hosts are answered.
pub async fn tcp(address: SocketAddr, hosts: Hosts, serve: Serve) -> io::Result<Listener> {
    let (listener, address) = bind(address).await?;
    let task = tokio::spawn(accept_tcp(listener, serve, move |stream, from, serve| {
        serve_connection(stream, Http::One, Peer::Tcp(from), hosts.clone(), serve)
    }));
    Ok(Listener { address: Some(address), task })
}

/// HTTPS: HTTP/2 or HTTP/1.1, as the client likes.
pub async fn tls(address: SocketAddr, config: Arc<rustls::ServerConfig>, serve: Serve) -> io::Result<Listener> {
    let (listener, address) = bind(address).await?;
    let acceptor = TlsAcceptor::from(config);
    let task = tokio::spawn(accept_tcp(listener, serve, move |stream, from, serve| {
        let acceptor = acceptor.clone();
        async move {
            let stream = match timeout(serve.limits.handshake, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%from, %error, "TLS handshake failed"),
                Err(_) => return tracing::debug!(%from, "TLS handshake took too long"),
            };
            let http = if stream.get_ref().1.alpn_protocol() == Some(b"h2") { Http::Two } else { Http::One };
            serve_connection(stream, http, Peer::Tls(from), Hosts::any(), serve).await;
        }
    }));
    Ok(Listener { address: Some(address), task })
}

/// HTTP/1.1 on a socket of mode 0600. One that nobody serves any more is replaced; one that is served is `AddrInUse`.
#[cfg(unix)]
pub async fn unix(path: &Path, serve: Serve) -> io::Result<Listener> {
    let listener = bind_unix(path).await?;
    let path = path.to_owned();
    let task = tokio::spawn(async move {
        let tasks = TaskTracker::new();
        let places = Arc::new(Semaphore::new(serve.limits.connections));
        loop {
            let place = tokio::select! {
                () = serve.shutdown.cancelled() => break,
                place = places.clone().acquire_owned() => place,
            };
            let accepted = tokio::select! {
                () = serve.shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let connection = serve_connection(stream, Http::One, Peer::Unix, Hosts::any(), serve.clone());
                    tasks.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => pause_after(&error).await,
            }
        }
        drop(listener);
        remove_socket(&path);
        tasks.close();
        tasks.wait().await;
    });
    Ok(Listener { address: None, task })
}

async fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn accept_tcp<F>(
    listener: TcpListener,
    serve: Serve,
    connection: impl Fn(tokio::net::TcpStream, SocketAddr, Serve) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(serve.limits.connections));
    let counts = Counts::default();
    loop {
        let place = tokio::select! {
            () = serve.shutdown.cancelled() => break,
            place = places.clone().acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = serve.shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let Some(counted) = counts.enter(network_of(from.ip()), serve.limits.per_address) else {
                    tracing::debug!(%from, "too many connections from one address");
                    continue;
                };
                // A failure here means that the connection is gone already; serving it will find out.
                let _ = stream.set_nodelay(true);
                let connection = connection(stream, from, serve.clone());
                tasks.spawn(async move {
                    connection.await;
                    drop((place, counted));
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// An accept that fails (no more file descriptors, mostly) fails again at once: wait a moment for some to be freed.
async fn pause_after(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// IPv6 gives everybody a /64 to choose addresses from: it counts as one.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            [a, b, c, d, 0, 0, 0, 0].into()
        }
        v4 => v4,
    }
}

/// Open connections by address.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<HashMap<IpAddr, usize>>>);

struct Counted(Counts, IpAddr);

impl Counts {
    fn enter(&self, address: IpAddr, most: usize) -> Option<Counted> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Counted(self.clone(), address))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.1) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

#[cfg(unix)]
async fn bind_unix(path: &Path) -> io::Result<tokio::net::UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    match tokio::net::UnixStream::connect(path).await {
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{} is being served", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => remove_socket(path),
        Err(_) => {}
    }
    // Made under another name and moved: nobody can connect before the mode is right.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    remove_socket(&temporary);
    let listener = tokio::net::UnixListener::bind(&temporary)?;
    std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&temporary, path)?;
    Ok(listener)
}

#[cfg(unix)]
fn remove_socket(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "an old socket could not be removed");
    }
}

#[cfg(test)]
mod tests;
