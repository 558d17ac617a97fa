//! The homeserver as a library: one person's (or a small team's) own Matrix server.
#![cfg_attr(
    any(test, fuzzing),
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

pub mod api;
pub mod clock;
pub mod config;
pub mod domain;
pub mod net;
mod owner_client;
mod start;
pub mod store;

pub use owner_client::{Owner, OwnerError};
pub use start::{Homeserver, Power, SOCKET, StartError, start};

#[cfg(any(test, fuzzing))]
mod testing;
