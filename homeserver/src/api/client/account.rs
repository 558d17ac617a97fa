//! Accounts.

pub mod add_threepid;
pub mod change_password;
pub mod deactivate;
pub mod get_threepids;
pub mod register;
pub mod register_available;
pub mod registration_token_validity;
pub mod request_openid_token;
pub mod threepids;
pub mod whoami;
