//! The desktop program: the app behind a window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking"))]
#![recursion_limit = "256"]

mod ipc;
mod media;
mod os;
mod shell;

use std::path::PathBuf;

use clap::Parser;

/// What is logged unless `RUST_LOG` says otherwise. The SDK's HTTP client tells each "not found" as an error; who asked tells what matters.
const QUIET: &str = "warn,hearth=info,app=info,client=info,homeserver=info,matrix_sdk::http_client=off";

/// Your own messenger and its server, in one.
#[derive(Clone, Debug, Parser)]
#[command(name = "hearth", version)]
pub(crate) struct Arguments {
    /// The data folder; two folders are two people.
    #[arg(long)]
    data: Option<PathBuf>,
    /// An invite link (`hearth:…` or `matrix:…`).
    link: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    os::graphics::settle();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| QUIET.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // Two libraries bring each a TLS provider: the process has to choose once. Fails only if it has been chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    shell::run(arguments)
}
