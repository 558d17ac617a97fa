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

/// Chooses the TLS library's arithmetic once for the process, as every program of ours does.
pub fn install_tls() {
    // A second call finds it installed, which is what it asked for.
    drop(rustls::crypto::ring::default_provider().install_default());
}
