//! Transport only: listeners, TLS, name resolution, HTTPS and iroh. Knows no room, no SQL and no configuration type.
pub mod body;
pub mod connect;
pub mod dns;
pub mod error;
pub mod https;
pub mod listener;
pub mod networks;
pub mod outgoing;
pub mod resolve;
pub mod tls;
