//! The client: matrix-sdk turned into what our screens need. It speaks HTTP to any homeserver, ours or another.
pub mod view;
