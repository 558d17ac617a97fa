//! Devices and keys of our users, for other servers.

pub mod devices;
pub mod keys;
