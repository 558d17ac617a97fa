//! The Client-Server API, a folder for each chapter, a file for each endpoint.

pub mod account;
pub mod alias;
pub mod backup;
pub mod dehydrated_device;
pub mod device;
pub mod keys;
pub mod membership;
pub mod relations;
pub mod room;
pub mod session;
pub mod state;
pub mod to_device;
pub mod versions;
