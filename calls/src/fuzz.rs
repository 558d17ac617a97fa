//! Doors for fuzzing: each takes any bytes, as a stranger may send them, and panics when the engine does or keeps too much.
//!
//! They exist in tests, which replay `tests/fuzz/corpus`, and for the targets in `tests/fuzz`.

mod events;
mod packets;

pub use self::{events::events, packets::packets};
use crate::{peer, sdp};

/// A description: what signalling and the media engine read of it, before anything live is touched.
pub fn description(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Some(outline) = sdp::outline(&text) else { return };
    let ways = sdp::ways(&text);
    assert!(ways.len() <= crate::limits::SDP_SECTIONS);
    let numbered = sdp::with_version(&text, 7);
    let again = sdp::outline(&numbered);
    assert!(again.is_some_and(|again| (again.video, again.on_hold) == (outline.video, outline.on_hold)), "{numbered}");
    peer::rehearsed(&text);
}

#[cfg(test)]
mod tests;
