//! Endpoints as clients see them.

mod devices;
mod discovery;
mod media;
mod owner;
mod pages;
mod personal;
mod profile;
mod push_rules;
mod register;
mod rendezvous;
mod sessions;
