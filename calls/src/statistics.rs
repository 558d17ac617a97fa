//! How a call does: what a person may see of it, and what a test measures. All counts are since the start of the call.

use std::time::Duration;

use crate::jitter::Heard;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// The path that media takes. None while there is none.
    pub pair: Option<Pair>,
    /// Mime types that were negotiated, each once.
    pub codecs: Vec<String>,
    /// Bits per second that congestion control lets us send.
    pub target: u32,
    pub sent: Traffic,
    pub received: Traffic,
    /// What became of their sound on its way to the speaker.
    pub heard: Heard,
    /// Milliseconds that their sound waits, so that it has no gaps.
    pub delay: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// `host`, `srflx`, `prflx` or `relay`.
    pub local: String,
    pub remote: String,
    /// Zero until it was measured.
    pub round_trip: Duration,
}

impl Pair {
    pub fn is_relayed(&self) -> bool {
        self.local == "relay" || self.remote == "relay"
    }
}

/// One way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    pub packets: u64,
    pub bytes: u64,
    /// Packets that never arrived, as the receiver counts.
    pub lost: u64,
    pub frames: u64,
    pub key_frames: u64,
    /// Requests for a key frame, by whoever receives.
    pub key_frame_requests: u64,
    /// Of the last frame; zero when there was none.
    pub width: u32,
    pub height: u32,
    /// Mean squares of stretches of 20 milliseconds: their sum, and the last one.
    pub energy: f64,
    pub loudness: f64,
}
