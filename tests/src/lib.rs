//! Servers, users, rooms and networks for tests: what tests/it, the bridge and the benchmarks are built from.

pub mod network;
pub mod person;
pub mod room;
pub mod sdk;
pub mod server;
pub mod sync;
pub mod user;

use std::time::Duration;

pub use self::{
    network::Network,
    person::Person,
    room::RoomBuilder,
    sdk::SdkUser,
    server::{Serve, TestServer},
    user::{Answer, TestUser},
};

/// How long a test waits for what must happen; far more than it takes on a loaded machine of two cores.
pub const DEADLINE: Duration = Duration::from_secs(45);

/// Shows what the programs in this process log, when `RUST_LOG` asks for it: for whoever looks for the cause of a failure.
pub fn show_logs() {
    if std::env::var_os("RUST_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        // A second call finds it installed.
        drop(tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init());
    }
}

/// Chooses the TLS library's arithmetic once for the process, as every program of ours does.
pub fn install_tls() {
    // A second call finds it installed, which is what it asked for.
    drop(rustls::crypto::ring::default_provider().install_default());
    show_logs();
}
