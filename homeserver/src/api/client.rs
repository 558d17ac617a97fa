//! The Client-Server API, a folder for each chapter, a file for each endpoint.

pub mod account;
pub mod backup;
pub mod dehydrated_device;
pub mod device;
pub mod keys;
pub mod session;
pub mod to_device;
pub mod versions;
