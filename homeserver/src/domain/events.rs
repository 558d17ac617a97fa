//! Events by themselves: parsing, building, authorising, resolving, and how clients see them.

pub mod auth;
pub mod build;
pub mod cache;
pub mod client_event;
pub mod pdu;
pub mod redact;
pub mod resolve;
pub mod versions;

pub use self::{cache::EventCache, pdu::Pdu};
