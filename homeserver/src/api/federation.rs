//! The Server-Server API, a file for each endpoint.

pub mod key;
pub mod user;
pub mod version;
