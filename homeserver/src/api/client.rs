//! The Client-Server API, a folder for each chapter, a file for each endpoint.

pub mod account;
pub mod alias;
pub mod backup;
pub mod capabilities;
pub mod config;
pub mod dehydrated_device;
pub mod device;
pub mod filter;
pub mod keys;
pub mod media;
pub mod membership;
pub mod notifications;
pub mod presence;
pub mod profile;
pub mod push;
pub mod receipt;
pub mod relations;
pub mod room;
pub mod session;
pub mod state;
pub mod sync;
pub mod tag;
pub mod to_device;
pub mod typing;
pub mod user_directory;
pub mod versions;
