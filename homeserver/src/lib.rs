//! The homeserver as a library: one person's (or a small team's) own Matrix server.
#![cfg_attr(
    test,
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
pub mod store;

#[cfg(test)]
mod testing;
