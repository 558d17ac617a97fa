//! The homeserver without a window: `homeserver serve --data DIR …`, and what its owner does from a terminal.

#[path = "homeserver/administer.rs"]
mod administer;

use std::{io::Write, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use homeserver::{
    Homeserver,
    config::{Config, Listen, Registration, ServerNameChoice},
};
use ipnet::IpNet;
use tokio::signal::unix::{SignalKind, signal};

/// SIGTERM ends the program within this time, whatever hangs.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// One person's (or a small team's) own Matrix server.
#[derive(Parser)]
#[command(name = "homeserver", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until it is told to end.
    Serve(Box<Serve>),
    /// The people of this server.
    #[command(subcommand)]
    User(administer::User),
    /// The rooms that this server is in.
    #[command(subcommand)]
    Room(administer::Room),
    /// Files.
    #[command(subcommand)]
    Media(administer::Media),
    /// What people reported.
    #[command(subcommand)]
    Report(administer::Report),
    /// The keys that the server signs with.
    #[command(subcommand)]
    Key(administer::Key),
}

/// Every flag is also a key of `homeserver.toml`; a flag wins.
#[derive(Args)]
struct Serve {
    #[arg(long)]
    data: PathBuf,
    /// Settings, in the form of `homeserver.toml`.
    #[arg(long)]
    config: Option<PathBuf>,
    /// A domain, or `key` for a name made from the server's own key.
    #[arg(long)]
    server_name: Option<String>,
    #[arg(long)]
    client_listen: Option<Listen>,
    #[arg(long)]
    client_tls: bool,
    #[arg(long)]
    federation_listen: Option<Listen>,
    #[arg(long)]
    tls_cert: Option<PathBuf>,
    #[arg(long)]
    tls_key: Option<PathBuf>,
    #[arg(long)]
    trusted_ca: Vec<PathBuf>,
    /// An address ticket of another server with a key name.
    #[arg(long)]
    peer: Vec<String>,
    #[arg(long = "allow-network")]
    allow_networks: Vec<IpNet>,
    #[arg(long)]
    registration: Option<Registration>,
    #[arg(long)]
    registration_token: Option<String>,
    #[arg(long)]
    registration_secret: Option<String>,
    /// The registration file of an application service.
    #[arg(long = "appservice")]
    appservices: Vec<PathBuf>,
}

impl Serve {
    fn config(self) -> anyhow::Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::default(),
        };
        config.data = self.data;
        if let Some(name) = self.server_name {
            config.server_name = ServerNameChoice::from(name);
        }
        config.client_listen = self.client_listen.unwrap_or(config.client_listen);
        config.federation_listen = self.federation_listen.unwrap_or(config.federation_listen);
        config.client_tls |= self.client_tls;
        config.tls_cert = self.tls_cert.or(config.tls_cert);
        config.tls_key = self.tls_key.or(config.tls_key);
        config.trusted_ca.extend(self.trusted_ca);
        config.peer.extend(self.peer);
        config.allow_networks.extend(self.allow_networks);
        config.registration = self.registration.unwrap_or(config.registration);
        config.registration_token = self.registration_token.or(config.registration_token);
        config.appservices.extend(self.appservices);
        config.registration_secret = self.registration_secret.or(config.registration_secret);
        Ok(config)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Two libraries bring each a TLS provider: the process has to choose once. Fails only if it has been chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Arguments::parse().command {
        Command::Serve(serve) => run(serve.config()?).await,
        Command::User(user) => user.run().await,
        Command::Room(room) => room.run().await,
        Command::Media(media) => media.run().await,
        Command::Report(report) => report.run().await,
        Command::Key(key) => key.run().await,
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().or_else(|_| config.log.parse()).unwrap_or_default();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = homeserver::start(config, None).await?;
    say_ready(&server).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    if tokio::time::timeout(LAST_PATIENCE, server.shutdown()).await.is_err() {
        tracing::warn!("something hung and was left behind; everything that matters is on the disk");
    }
    Ok(())
}

async fn say_ready(server: &Homeserver) -> anyhow::Result<()> {
    let url = |scheme: &str, address: Option<SocketAddr>| address.map(|address| format!("{scheme}://{address}"));
    let line = serde_json::json!({
        "ready": true,
        "client": url("http", server.client_address()),
        "federation": url("https", server.federation_address()),
        "server_name": server.server_name(),
        "ticket": server.ticket().await,
        "socket": server.socket(),
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
