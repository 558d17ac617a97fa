//! HTTP: requests in, answers out. No SQL here and no rules of rooms; `domain` has those.

pub mod auth;
pub mod client;
pub mod error;
pub mod federation;
pub mod parts;
pub mod router;
pub mod ruma_route;
