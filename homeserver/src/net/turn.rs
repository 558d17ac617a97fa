//! A STUN and TURN server for calls (RFC 8656 over UDP): for our own users, with names and passwords that end, within quotas,
//! and never into a network that is not allowed.

pub mod credentials;
mod front;
mod quota;
mod relay;

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket as StdSocket},
    ops::RangeInclusive,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use ::turn::server::{
    Server,
    config::{ConnConfig, ServerConfig},
};
use tokio::{net::UdpSocket, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::{credentials::Credentials, front::Front, quota::Quotas, relay::Relays};
use crate::{clock::Clock, net::networks::AllowedNetworks};

pub use self::quota::TurnLimits;

/// Where to listen, what to tell others of it, and for whom.
pub struct TurnOptions {
    pub listen: SocketAddr,
    /// Where others reach this computer, if that is not where it listens: behind a mapped port.
    pub address: Option<IpAddr>,
    /// The ports of relays; any when absent.
    pub ports: Option<RangeInclusive<u16>>,
    /// The server's name.
    pub realm: String,
    pub secret: String,
    /// Where relays may send to beyond the public Internet.
    pub networks: AllowedNetworks,
    pub clock: Clock,
    pub limits: TurnLimits,
    /// By which address others reach this computer where it listens, as [`reached_at`] finds it.
    pub reached: Reached,
    pub shutdown: CancellationToken,
}

pub type Reached = Arc<dyn Fn(IpAddr) -> io::Result<IpAddr> + Send + Sync>;

/// A server that runs until its token is cancelled.
pub struct TurnServer {
    offer: Offer,
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What clients are told of a TURN server; no URIs where there is none that could help them.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    uris: Arc<RwLock<Vec<String>>>,
    /// What names and passwords are made from.
    pub secret: Arc<str>,
}

impl Offer {
    pub fn new(uris: Vec<String>, secret: &str) -> Self {
        Self { uris: Arc::new(RwLock::new(uris)), secret: secret.into() }
    }

    /// Where it is reached now: a laptop moves.
    pub fn uris(&self) -> Vec<String> {
        self.uris.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, uris: Vec<String>) {
        *self.uris.write().unwrap_or_else(PoisonError::into_inner) = uris;
    }
}

impl TurnServer {
    pub async fn open(options: TurnOptions) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(options.listen).await?);
        let local = socket.local_addr()?;
        let outside = match options.address {
            Some(address) => address,
            None => (options.reached)(local.ip())?,
        };
        let offer = Offer::new(uris(&options, SocketAddr::new(outside, local.port())), &options.secret);
        let quotas = Arc::new(Quotas::new(options.limits.clone()));
        let front = Arc::new(Front::new(socket, Arc::clone(&quotas), options.shutdown.clone()));
        let opened = serve(&options, local.ip(), outside, &quotas, &front).await?;
        let task = tokio::spawn(tend(opened, options, local, outside, quotas, front, offer.clone()));
        Ok(Self { offer, address: local, task })
    }

    /// What clients are told of it.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub async fn ended(self) {
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "the TURN server did not end well");
        }
    }
}

fn uris(options: &TurnOptions, seen: SocketAddr) -> Vec<String> {
    // Nobody else reaches a loopback address.
    let helps = !seen.ip().is_loopback() || options.networks.permit(seen.ip());
    if helps { vec![format!("turn:{seen}?transport=udp")] } else { Vec::new() }
}

async fn serve(
    options: &TurnOptions,
    inside: IpAddr,
    outside: IpAddr,
    quotas: &Arc<Quotas>,
    front: &Arc<Front>,
) -> io::Result<Server> {
    let relays = Relays {
        inside,
        outside,
        ports: options.ports.clone(),
        networks: options.networks.clone(),
        quotas: Arc::clone(quotas),
    };
    let credentials = Credentials::new(&options.secret, options.clock.clone(), Arc::clone(quotas));
    let config = ServerConfig {
        conn_configs: vec![ConnConfig { conn: Arc::clone(front) as _, relay_addr_generator: Box::new(relays) }],
        realm: options.realm.clone(),
        auth_handler: Arc::new(credentials),
        channel_bind_timeout: Duration::ZERO,
        alloc_close_notify: None,
    };
    Server::new(config).await.map_err(io::Error::other)
}

/// The library remembers every challenge that it ever gave, so that whoever asks for many fills the memory: while nobody is
/// relayed it is started anew after some thousands. So it is when this computer has another address.
async fn tend(
    mut server: Server,
    options: TurnOptions,
    local: SocketAddr,
    mut outside: IpAddr,
    quotas: Arc<Quotas>,
    front: Arc<Front>,
    offer: Offer,
) {
    let inside = local.ip();
    let mut moved = false;
    let mut look = tokio::time::interval(options.limits.look);
    loop {
        tokio::select! {
            () = options.shutdown.cancelled() => break,
            _ = look.tick() => {}
        }
        // On no network it keeps the address that it had.
        if options.address.is_none()
            && let Ok(now) = (options.reached)(inside)
            && now != outside
        {
            outside = now;
            moved = true;
            offer.set(uris(&options, SocketAddr::new(outside, local.port())));
        }
        if !(moved || front.is_worn()) || quotas.relays() > 0 {
            continue;
        }
        moved = false;
        close(&server).await;
        front.renew();
        match serve(&options, inside, outside, &quotas, &front).await {
            Ok(new) => server = new,
            Err(error) => {
                tracing::error!(%error, "the TURN server could not be started anew");
                return;
            }
        }
    }
    close(&server).await;
}

async fn close(server: &Server) {
    if let Err(error) = server.close().await {
        tracing::debug!(%error, "the TURN server was closed already");
    }
}

/// The address of this computer that others see when it listens everywhere: that of the way out. Sends nothing.
pub fn reached_at(listens: IpAddr) -> io::Result<IpAddr> {
    if !listens.is_unspecified() {
        return Ok(listens);
    }
    let somewhere: IpAddr = match listens {
        IpAddr::V4(_) => [1, 1, 1, 1].into(),
        IpAddr::V6(_) => [0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111].into(),
    };
    let socket = StdSocket::bind((listens, 0))?;
    socket.connect((somewhere, 9))?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests;
