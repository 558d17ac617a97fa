//! What the UI may ask (`request`), what it is told (`push`), and how failures read (`error`).

pub mod call;
pub mod error;
pub mod push;
pub mod request;
pub mod scan;
pub mod sound;
pub mod status;

#[cfg(test)]
mod bindings;
