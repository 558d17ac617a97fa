//! Keys of our users, for other servers.

pub mod claim;
pub mod query;
