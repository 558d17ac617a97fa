//! The call engine: the state machine of `m.call.*` calls, and the media that it commands.
//!
//! The state machine knows no client, no network, no clock and no randomness: what happens and when are arguments, and what
//! is to be done comes back as values. [`Calls`] owns the calls of one account; [`Call`] is one of them. [`peer`] does what
//! it commands: connections, devices, codecs.

#![cfg_attr(
    test,
    allow(
        clippy::allow_attributes,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

pub mod assembly;
pub mod call;
pub mod calls;
pub mod change;
pub mod codec;
pub mod congestion;
pub mod device;
pub mod engine;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod jitter;
pub mod limits;
pub mod moment;
pub mod peer;
pub mod recording;
pub mod scanning;
pub mod sdp;
pub mod signal;
pub mod signalling;
pub mod statistics;

pub use call::{Action, Call, Input, Person};
pub use calls::{CallKey, Calls, Output, RoomEvent};
pub use change::{Cause, Change, Device, Refusal, Side, Silence};
pub use engine::{Command, LocalMedia, Report};
pub use moment::Moment;

#[cfg(test)]
mod tests;
