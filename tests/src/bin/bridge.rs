//! The app without a window, its UI in a browser: for development and tests, never part of a package.
//!
//! `bridge --data DIR [--port N]` serves the built UI, the requests and pushes over a WebSocket, uploads and media on 127.0.0.1,
//! behind a token that stands only in the address it prints.

#[path = "bridge/call_picture.rs"]
mod call_picture;
#[path = "bridge/guard.rs"]
mod guard;
#[path = "bridge/media.rs"]
mod media;
#[path = "bridge/pages.rs"]
mod pages;
#[path = "bridge/socket.rs"]
mod socket;
#[path = "bridge/upload.rs"]
mod upload;

use std::{io::Write, net::Ipv4Addr, path::PathBuf, sync::Arc};

use anyhow::Context;
use app::{
    App, Options, SecretsIn, ServerChoice, TurnChoice,
    devices::{Devices, Film, Pretended, Recording, System},
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use clap::Parser;
use tokio::{net::TcpListener, signal::unix::SignalKind};

/// The app without a window, its UI in a browser.
#[derive(Parser)]
struct Arguments {
    /// The person's data folder; made when it does not exist.
    #[arg(long)]
    data: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The built UI.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/dist"))]
    ui: PathBuf,
    /// A tone and a test card instead of this machine's microphone and camera, and calls within this machine alone.
    #[arg(long)]
    pretended_devices: bool,
    /// What the pretended microphone hears: a WAV of 48,000 Hz and 16 bits.
    #[arg(long, requires = "pretended_devices")]
    microphone_file: Option<PathBuf>,
    /// What the pretended camera sees: a Y4M of 4:2:0.
    #[arg(long, requires = "pretended_devices")]
    camera_file: Option<PathBuf>,
    /// Make the account on another homeserver, instead of one of its own.
    #[arg(long)]
    homeserver: Option<String>,
    /// What that homeserver asks for at registration.
    #[arg(long, requires = "homeserver")]
    registration_token: Option<String>,
}

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct Bridge {
    pub(crate) app: App,
    pub(crate) guard: Arc<guard::Guard>,
    pub(crate) ui: Arc<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    app::runtime()?.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,app=info,client=info,homeserver=info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await.context("the port cannot be listened on")?;
    let port = listener.local_addr()?.port();
    let server = match arguments.homeserver {
        Some(address) => ServerChoice::At { address, registration_token: arguments.registration_token },
        None => ServerChoice::Own,
    };
    let devices: Arc<dyn Devices> = if arguments.pretended_devices {
        let recording = arguments.microphone_file.as_deref().map(Recording::open).transpose();
        let film = arguments.camera_file.as_deref().map(Film::open).transpose();
        let recording = recording.context("the microphone's file")?;
        Arc::new(Pretended::from_files(recording, film.context("the camera's file")?))
    } else {
        Arc::new(System::default())
    };
    let media_addresses =
        if arguments.pretended_devices { vec![(Ipv4Addr::LOCALHOST, 0).into()] } else { app::everywhere() };
    let turn = if arguments.pretended_devices { TurnChoice::Never } else { TurnChoice::WhereItHelps };
    let app = App::start(Options {
        folder: arguments.data,
        secrets: SecretsIn::KeyFile,
        server,
        devices,
        media_addresses,
        relay_only: false,
        turn,
    });
    let guard = Arc::new(guard::Guard::new(port));
    let bridge = Bridge { app: app.clone(), guard: guard.clone(), ui: Arc::new(arguments.ui) };

    let mut terminate = tokio::signal::unix::signal(SignalKind::terminate())?;
    let serving = axum::serve(listener, router(bridge)).into_future();
    let line = serde_json::json!({ "ready": true, "ui": format!("http://127.0.0.1:{port}/#{}", guard.token()) });
    writeln!(std::io::stdout().lock(), "{line}")?;
    tokio::select! {
        served = serving => served?,
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    // Whatever hangs does not keep the process: everything that matters is on the disk already.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(5), app.shutdown()).await;
    Ok(())
}

fn router(bridge: Bridge) -> Router {
    Router::new()
        .route("/ipc", get(socket::open))
        .route("/session", post(guard::session))
        .route("/upload", post(upload::receive).layer(DefaultBodyLimit::disable()))
        .route("/media/{name}", get(media::send))
        .route("/call-picture", get(call_picture::send))
        .fallback(get(pages::page))
        .layer(middleware::from_fn_with_state(bridge.clone(), guard::host))
        .with_state(bridge)
}
