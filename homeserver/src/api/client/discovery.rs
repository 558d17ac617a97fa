//! What clients and servers learn before they talk to this server.

pub mod auth_metadata;
pub mod homeserver;
pub mod policy_server;
pub mod server;
pub mod support;
