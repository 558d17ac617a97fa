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
mod previews;
mod profile;
mod push_rules;
mod pushers;
mod register;
mod rendezvous;
mod sessions;
mod spaces;
