//! Endpoints as clients see them.

mod admin;
mod devices;
mod directory;
mod discovery;
mod erasure;
mod guests;
mod homes;
mod knocking;
mod limits;
mod media;
mod moderation;
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
mod threepids;
