//! Endpoints as clients see them.

mod devices;
mod media;
mod owner;
mod personal;
mod profile;
mod push_rules;
mod register;
mod sessions;
