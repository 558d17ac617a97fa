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
pub mod profile;
pub mod push;
pub mod relations;
pub mod room;
pub mod session;
pub mod state;
pub mod tag;
pub mod to_device;
pub mod user_directory;
pub mod versions;
