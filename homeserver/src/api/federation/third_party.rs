//! Invites for addresses, once it is known whose the address is.

pub mod exchange_invite;
pub mod on_bind;
