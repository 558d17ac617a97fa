//! The door to a protocol of call signalling: events in, [`Signal`]s out, and back.

mod matrix_rtc;
mod read;
mod write;

use ruma::{OwnedVoipId, events::AnyMessageLikeEventContent};
use serde_json::Value;
use thiserror::Error;

use crate::signal::Signal;

/// What describes the streams of a call: its name, and the one from before it was in the specification, which is the only one that
/// matrix-js-sdk and Element Web know. Without it they send and show no second picture.
const STREAMS_NAMES: [&str; 2] = ["sdp_stream_metadata", "org.matrix.msc3077.sdp_stream_metadata"];

pub use self::write::to_json;

/// A protocol in which calls are signalled.
pub trait Signalling {
    /// What an event of a room says. `content` is decrypted and of no checked shape.
    fn read(&self, event_type: &str, content: &Value) -> Reading;

    /// The content of the event that says it; [`to_json`] turns it into what is sent.
    fn write(&self, signal: &Signal) -> AnyMessageLikeEventContent;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    Signal(Box<Signal>),
    /// Someone is in, or rings for, a call of a protocol that this app does not speak yet.
    CannotJoin,
    /// An event about calls that is broken. A broken invite names its call when it can.
    Malformed {
        why: Malformed,
        invite: Option<OwnedVoipId>,
    },
    NotACall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    #[error("an id is absent, empty or too long")]
    Id,
    #[error("the session description is absent, too long or none")]
    Description,
    #[error("the content lacks what its type needs")]
    Content,
}

/// `m.call.*` of the specification's VoIP module, versions 0 and 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallEvents;

impl Signalling for CallEvents {
    fn read(&self, event_type: &str, content: &Value) -> Reading {
        if matrix_rtc::is_call(event_type, content) {
            return Reading::CannotJoin;
        }
        read::read(event_type, content)
    }

    fn write(&self, signal: &Signal) -> AnyMessageLikeEventContent {
        write::write(signal)
    }
}

#[cfg(test)]
mod tests;
