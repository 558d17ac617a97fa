//! Endpoints as clients see them.

mod devices;
mod directory;
mod discovery;
mod homes;
mod knocking;
mod media;
mod owner;
mod pages;
mod personal;
mod profile;
mod push_rules;
mod register;
mod rendezvous;
mod sessions;
mod spaces;
