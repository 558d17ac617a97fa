//! HTTP: requests in, answers out. No SQL here and no rules of rooms; `domain` has those.

pub mod admin;
pub mod auth;
pub mod base_url;
mod body_budget;
pub mod client;
pub mod error;
pub mod federation;
pub mod owner;
pub mod parts;
pub mod peer;
pub mod router;
pub mod ruma_route;

#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(any(test, fuzzing))]
mod testing;
#[cfg(test)]
mod tests;
