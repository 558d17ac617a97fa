//! Synapse's admin API, as far as tools rely on it.

pub mod register;
