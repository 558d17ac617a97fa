//! The Client-Server API, a folder for each chapter, a file for each endpoint.

pub mod account;
pub mod device;
pub mod session;
pub mod versions;
