//! Room aliases of this server.

pub mod create_alias;
pub mod delete_alias;
pub mod get_alias;
