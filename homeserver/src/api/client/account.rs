//! Accounts.

pub mod whoami;
