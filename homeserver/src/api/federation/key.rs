//! Signing keys: our own, and as a notary those of others.

pub mod query;
pub mod query_batch;
pub mod server;
