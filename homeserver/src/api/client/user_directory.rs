//! Finding people.

pub mod search_users;
