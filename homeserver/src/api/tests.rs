//! Endpoints as clients see them.

mod devices;
mod owner;
mod register;
mod sessions;
