//! The programs and crates together, as their users meet them: HTTP in, JSON out.
#![expect(clippy::indexing_slicing, reason = "an answer without the field is a failed test; JSON's index answers null")]

mod bad_input;
mod calls;
mod contract;
mod encrypted;
mod federation;
mod hostile_markup;
mod key_names;
mod one_server;
mod restarts;
mod rooms;
mod scanning;
mod sliding;
mod two_apps;
mod video_calls;
mod voice_messages;
