//! Starting a server: its name, its store, its parts and its listeners, in this order; and ending it.

mod addresses;
mod error;
mod identity;
mod lock;
mod offline;
mod outside;
mod power;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::Extension;
use crypto::ServerIdentity;
use futures_util::future::BoxFuture;
use rand::Rng as _;
use ruma::{OwnedServerName, ServerName};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::{
        owner::{keys::KeyFile, peers::Peers},
        parts::{Foundation, Parts},
        router,
    },
    clock::Clock,
    config::{Config, ServerNameChoice},
    domain::{
        appservices::{AppserviceSender, Appservices},
        federation::{Federation, Sender},
        inbound::Inbound,
        media::Media,
        notifier::Notifier,
        push::Pushers,
        rooms::{Arriving, Rooms},
    },
    net::{
        listener::{self, Hosts, Limits, Listener, Serve},
        networks::AllowedNetworks,
        tls::{self, Certificate},
        turn::{TurnLimits, TurnOptions, TurnServer, reached_at},
    },
    store::{RoomSn, Store},
};

use self::{lock::FolderLock, outside::Outside, power::Powered};

pub use self::{error::StartError, offline::Offline, power::Power};

/// The owner's socket in the data folder.
pub const SOCKET: &str = "hearth.sock";
const DATABASE: &str = "hearth.db";

/// A running server. It goes on until [`Homeserver::shutdown`]; dropping it leaves its tasks running.
pub struct Homeserver {
    server_name: OwnedServerName,
    socket: PathBuf,
    client: Option<SocketAddr>,
    federation: Option<SocketAddr>,
    outside: Outside,
    sender: Sender,
    pushers: Pushers,
    media: Media,
    services: AppserviceSender,
    notifier: Notifier,
    redacted_retention_days: u32,
    inbound: Inbound,
    rooms: Rooms,
    store: Store,
    powered: Powered,
    stop: CancellationToken,
    listeners: Vec<Listener>,
    turn: Option<TurnServer>,
    tasks: TaskTracker,
    _lock: FolderLock,
}

/// Starts a server in the folder that `config` names, and answers when every listener serves.
///
/// `identity` is the server's key where the caller keeps it (a vault); else it is read from the folder, or made there.
// Boxed, so that the whole server is compiled here and not once more in every crate that starts one; and the compiler proves here, not
// through the caller's chain, that it may move between threads.
pub fn start(config: Config, identity: Option<ServerIdentity>) -> BoxFuture<'static, Result<Homeserver, StartError>> {
    Box::pin(start_all(config, identity))
}

async fn start_all(config: Config, identity: Option<ServerIdentity>) -> Result<Homeserver, StartError> {
    config.check()?;
    let mail = config.mail()?;
    let lock = FolderLock::take(&config.data)?;
    let data = lock.folder().to_owned();
    let clock = Clock::system();
    let key_file = identity.is_none().then(|| data.join(identity::FILE));
    let identity = match identity {
        Some(identity) => identity,
        None => identity::of_folder(&data, &config.server_name)?,
    };
    let server_name = server_name(&config.server_name, &identity)?;
    let identity = Arc::new(identity);
    let config = Arc::new(config);
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());

    let notifier = Notifier::default();
    let on_commit = {
        let notifier = notifier.clone();
        move |commit: &_| notifier.committed(commit)
    };
    let store = Store::open(&data.join(DATABASE), &server_name, clock.clone(), on_commit).await?;
    let outside = Outside::open(&config, &data, &identity, &store, &clock, &stop, &tasks).await?;
    let federation =
        Federation::new(identity, server_name.clone(), store.clone(), clock.clone(), Arc::new(outside.transport()));
    federation.keyring.enter_own_key().await?;
    let sender = Sender::new(federation.clone(), store.clone(), clock.clone(), notifier.clone());
    let web = outside.web();
    let pushers = Pushers::new(store.clone(), clock.clone(), notifier.clone(), web.clone());
    let services = Arc::new(outside.to_services());
    let appservices = Appservices::open(&config.appservices, server_name.clone(), store.clone(), services).await?;
    let turn = own_turn(&config, &server_name, &clock, &stop).await?;
    let mut parts = Parts::new(Foundation {
        config: config.clone(),
        clock: clock.clone(),
        store: store.clone(),
        notifier: notifier.clone(),
        server_name: server_name.clone(),
        federation,
        web,
        mail,
        appservices: appservices.clone(),
    });

    parts.turn = turn.as_ref().map(|turn| turn.offer().clone()).unwrap_or_default();

    let powered = Powered {
        outside: outside.clone(),
        sender: sender.clone(),
        keyring: parts.federation.keyring.clone(),
        encryption: parts.encryption.clone(),
        inbound: parts.inbound.clone(),
        store: store.clone(),
        back: Arc::default(),
    };
    let mut server = Homeserver {
        socket: data.join(SOCKET),
        server_name,
        client: None,
        federation: None,
        outside,
        sender,
        pushers,
        media: parts.media.clone(),
        services: AppserviceSender::new(appservices, parts.ephemeral.clone(), notifier.clone()),
        notifier,
        redacted_retention_days: config.redacted_retention_days,
        inbound: parts.inbound.clone(),
        rooms: parts.rooms.clone(),
        store,
        powered,
        stop,
        listeners: Vec::new(),
        turn,
        tasks,
        _lock: lock,
    };
    server.listen(&config, parts, KeyFile(key_file)).await?;
    server.work(clock);
    Ok(server)
}

impl Homeserver {
    pub fn server_name(&self) -> &ServerName {
        &self.server_name
    }

    /// Where the owner's clients reach the server.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The plain client listener's address.
    pub fn client_address(&self) -> Option<SocketAddr> {
        self.client
    }

    /// The TLS listener's address.
    pub fn federation_address(&self) -> Option<SocketAddr> {
        self.federation
    }

    /// What another copy needs to reach this one now, where the server's name is a key. Addresses change: ask each time.
    pub async fn ticket(&self) -> Option<String> {
        Some(self.outside.iroh()?.ticket().await.to_string())
    }

    /// Rooms that were joined without their members, with how far these are on their way; now and at each change.
    pub fn arriving(&self) -> watch::Receiver<BTreeMap<RoomSn, Arriving>> {
        self.rooms.arriving()
    }

    /// Lets running requests finish, writes everything down and ends.
    pub fn shutdown(self) -> BoxFuture<'static, ()> {
        Box::pin(self.end_all())
    }

    async fn end_all(self) {
        self.stop.cancel();
        self.tasks.close();
        for listener in self.listeners {
            listener.ended().await;
        }
        if let Some(iroh) = self.outside.iroh() {
            iroh.ended().await;
        }
        if let Some(turn) = self.turn {
            turn.ended().await;
        }
        self.tasks.wait().await;
        self.rooms.purges_ended().await;
        self.store.close().await;
    }

    async fn listen(&mut self, config: &Config, parts: Parts, key_file: KeyFile) -> Result<(), StartError> {
        let limits = Limits::default();
        let serve_within = |router, limits| Serve { router, limits, shutdown: self.stop.child_token() };
        let serve = |router| serve_within(router, limits);
        let federation = router::federation(parts.clone());
        let client = router::client(parts.clone());
        let listening = |what: &str, error| StartError::listen(what, error);

        let peers = Peers(self.outside.iroh().cloned());
        let socket = router::socket(parts).layer(Extension(peers)).layer(Extension(key_file));
        let unix = listener::unix(&self.socket, serve(socket)).await;
        let mut listeners = vec![unix.map_err(|error| listening("the socket", error))?];
        if let Some(address) = config.client_listen.address() {
            let hosts = Hosts::local_and([self.server_name.host().to_owned()]);
            let listener = listener::tcp(address, hosts, serve(client.clone())).await;
            let listener = listener.map_err(|error| listening(&address.to_string(), error))?;
            self.client = listener.address();
            listeners.push(listener);
        }
        if let Some(address) = config.federation_listen.address() {
            let certificate = match (&config.tls_cert, &config.tls_key) {
                (Some(certificate), Some(key)) => Certificate::open(certificate, key)?,
                _ => tls::self_made(&config.data, self.server_name.host())?,
            };
            let tls = tls::config_of(Arc::clone(&certificate))?;
            self.tasks.spawn(certificate.follow(self.stop.clone()));
            let serve = if config.client_tls {
                serve(router::both(federation.clone(), client))
            } else {
                serve_within(federation.clone(), Limits::federation())
            };
            let listener = listener::tls(address, tls, serve).await;
            let listener = listener.map_err(|error| listening(&address.to_string(), error))?;
            self.federation = listener.address();
            listeners.push(listener);
        }
        if let Some(iroh) = self.outside.iroh() {
            iroh.serve(federation);
        }
        self.listeners = listeners;
        Ok(())
    }

    /// The server's own tasks.
    fn work(&self, clock: Clock) {
        self.tasks.spawn(self.sender.clone().run(self.stop.clone()));
        self.tasks.spawn(self.media.clone().tend(self.stop.clone()));
        self.tasks.spawn(self.rooms.clone().forget_originals(self.redacted_retention_days, self.stop.clone()));
        self.tasks.spawn(self.rooms.clone().index_texts(self.notifier.clone(), self.stop.clone()));
        self.tasks.spawn(self.pushers.clone().run(self.stop.clone()));
        self.tasks.spawn(self.services.clone().run(self.stop.clone()));
        self.tasks.spawn(self.inbound.clone().run(self.stop.clone()));
        self.tasks.spawn(self.inbound.clone().fill_rooms(self.stop.clone()));
        self.tasks.spawn(self.rooms.clone().run_delayed(self.stop.clone()));
        let rooms = self.rooms.clone();
        self.tasks.spawn(async move {
            if let Err(error) = rooms.resume_purges().await {
                tracing::error!(error = &error as &dyn std::error::Error, "Purges could not be gone on with.");
            }
        });
        self.tasks.spawn(self.powered.clone().watch_clock(clock, self.stop.clone()));
        self.tasks.spawn(self.powered.clone().watch_network(self.stop.clone()));
        self.tasks.spawn(self.inbound.clone().follow_heads(self.stop.clone()));
        self.tasks.spawn(self.powered.clone().catch_up(self.stop.clone()));
        self.powered.begin();
    }
}

fn server_name(choice: &ServerNameChoice, identity: &ServerIdentity) -> Result<OwnedServerName, StartError> {
    match choice {
        ServerNameChoice::Name(name) => name.as_str().try_into().map_err(|_| StartError::Name(name.clone())),
        ServerNameChoice::Key => crypto::name::server_name(&identity.public_key(), crypto::name::DEFAULT_SUFFIX)
            .map_err(|_| StartError::Name("key".to_owned())),
    }
}

/// Our own TURN server, where the settings have one. Its secret, when nobody else has to know it, lives as long as this run: so do relays.
async fn own_turn(
    config: &Config,
    server_name: &ServerName,
    clock: &Clock,
    stop: &CancellationToken,
) -> Result<Option<TurnServer>, StartError> {
    let Some((turn, listen)) = config.turn.as_ref().and_then(|turn| Some((turn, turn.listen.address()?))) else {
        return Ok(None);
    };
    let options = TurnOptions {
        listen,
        address: turn.address,
        ports: turn.relay_ports.map(|(first, last)| first..=last),
        realm: server_name.to_string(),
        secret: turn
            .secret
            .clone()
            .unwrap_or_else(|| data_encoding::HEXLOWER.encode(&rand::rng().random::<[u8; 32]>())),
        networks: AllowedNetworks::new(config.allow_networks.clone()),
        clock: clock.clone(),
        limits: TurnLimits::default(),
        reached: Arc::new(reached_at),
        shutdown: stop.child_token(),
    };
    let opened = TurnServer::open(options).await;
    opened.map(Some).map_err(|error| StartError::listen(&format!("{listen} for TURN"), error))
}

/// The iroh transport is there when the server's name is a key.
fn is_key(choice: &ServerNameChoice) -> bool {
    *choice == ServerNameChoice::Key
}

#[cfg(test)]
mod tests;
