//! Accounts.

pub mod register;
pub mod register_available;
pub mod registration_token_validity;
pub mod whoami;
