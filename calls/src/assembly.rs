//! Video that came in packets, put together into whole frames.
//!
//! Pure computation. After a gap that nothing closes, frames are held back until one comes that needs none before it, since
//! a decoder would show wrong pictures without a word.

use std::{collections::BTreeMap, time::Duration};

use bytes::{Bytes, BytesMut};
use rtc::rtp::{codec::vp8::Vp8Packet, packetizer::Depacketizer as _};

use crate::{
    codec::{Frame, vp8::Head},
    jitter::Unwrapped,
    limits::{FRAME_BYTES, WAITING_VIDEO},
    moment::Moment,
};

/// How long a missing packet may take to be sent again.
const PATIENCE: Duration = Duration::from_millis(300);
/// Between two requests for a key frame.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(500);

/// A frame and its time stamp, 90,000 a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    pub frame: Frame,
    pub stamp: u32,
}

pub struct Assembly {
    packets: BTreeMap<u64, Piece>,
    numbers: Unwrapped,
    /// The number after the last frame. None: a key frame is waited for.
    next: Option<u64>,
    size: (u32, u32),
    gap_since: Option<Moment>,
    asked: Option<Moment>,
}

struct Piece {
    first: bool,
    last: bool,
    stamp: u32,
    /// Empty in a packet that only fills the line; None in a broken one.
    data: Option<Bytes>,
}

impl Piece {
    fn starts_key_frame(&self) -> bool {
        let head = self.data.as_ref().and_then(|data| data.first());
        self.first && head.is_some_and(|first| first & 1 == 0)
    }

    fn fills(&self) -> bool {
        self.data.as_ref().is_some_and(Bytes::is_empty)
    }
}

impl Default for Assembly {
    fn default() -> Self {
        Self {
            packets: BTreeMap::new(),
            numbers: Unwrapped::new(16),
            next: None,
            size: (0, 0),
            gap_since: None,
            asked: None,
        }
    }
}

impl Assembly {
    /// A packet came: its number, time stamp and marker as RTP has them.
    pub fn push(&mut self, number: u16, stamp: u32, marker: bool, payload: &Bytes) {
        let number = self.numbers.unwrap(number.into());
        if self.next.is_some_and(|next| number < next) {
            return;
        }
        let mut head = Vp8Packet::default();
        let piece = if payload.is_empty() {
            Piece { first: false, last: false, stamp, data: Some(Bytes::new()) }
        } else {
            let data = head.depacketize(payload).ok();
            Piece { first: head.s == 1 && head.pid == 0, last: marker, stamp, data }
        };
        self.packets.entry(number).or_insert(piece);
        if self.packets.len() > WAITING_VIDEO {
            self.start_anew();
            self.packets.clear();
        }
    }

    /// The next frame that can be shown.
    pub fn take(&mut self, now: Moment) -> Option<Whole> {
        // Every turn returns, or drops packets.
        loop {
            let next = match self.next {
                Some(next) => next,
                None => self.seek()?,
            };
            let Some(last) = self.whole_frame(next) else {
                self.mind_the_gap(now);
                if self.next == Some(next) {
                    return None;
                }
                continue;
            };
            self.gap_since = None;
            self.next = Some(last + 1);
            match self.join(last) {
                Joined::Frame(whole) => return Some(whole),
                Joined::Nothing => {}
                Joined::Broken => self.start_anew(),
            }
        }
    }

    /// Whether a key frame must be asked for now.
    pub fn wants_key_frame(&mut self, now: Moment) -> bool {
        let lately = self.asked.is_some_and(|asked| now.since(asked) < BETWEEN_REQUESTS);
        let wants = self.next.is_none() && !lately;
        if wants {
            self.asked = Some(now);
        }
        wants
    }

    /// Holds frames back until one comes that needs none before it.
    pub fn start_anew(&mut self) {
        (self.next, self.gap_since) = (None, None);
    }

    /// Goes to the first key frame there is, and drops what is before it.
    fn seek(&mut self) -> Option<u64> {
        let Some(found) = self.packets.iter().find(|(_, piece)| piece.starts_key_frame()).map(|(number, _)| *number)
        else {
            self.packets.clear();
            return None;
        };
        self.packets = self.packets.split_off(&found);
        self.next = Some(found);
        Some(found)
    }

    /// The number of the last packet of the frame that starts at `next`, when all of it is there.
    fn whole_frame(&self, next: u64) -> Option<u64> {
        for (expected, (number, piece)) in (next..).zip(self.packets.range(next..)) {
            if *number != expected {
                return None;
            }
            if piece.last || piece.data.is_none() {
                return Some(expected);
            }
        }
        None
    }

    fn mind_the_gap(&mut self, now: Moment) {
        let Some(next) = self.next else { return };
        let there = (next..).zip(self.packets.range(next..)).take_while(|(expected, (number, _))| expected == *number);
        let missing = next + there.count() as u64;
        let behind = || self.packets.range(missing..);
        if behind().next().is_none() {
            self.gap_since = None;
            return;
        }
        let since = *self.gap_since.get_or_insert(now);
        let key = behind().find(|(_, piece)| piece.starts_key_frame()).map(|(number, _)| *number);
        if let Some(key) = key {
            self.packets = self.packets.split_off(&key);
            (self.next, self.gap_since) = (Some(key), None);
        } else if now.since(since) >= PATIENCE {
            self.packets.clear();
            self.start_anew();
        }
    }

    fn join(&mut self, last: u64) -> Joined {
        let rest = self.packets.split_off(&(last + 1));
        let pieces: Vec<Piece> = std::mem::replace(&mut self.packets, rest).into_values().collect();
        let mut pieces = pieces.iter().filter(|piece| !piece.fills());
        let Some(first) = pieces.next() else { return Joined::Nothing };
        let Some(start) = first.data.as_ref().filter(|_| first.first) else { return Joined::Broken };
        let mut data = BytesMut::from(start.as_ref());
        for piece in pieces {
            match &piece.data {
                Some(more) if piece.stamp == first.stamp && data.len() + more.len() <= FRAME_BYTES => {
                    data.extend_from_slice(more);
                }
                _ => return Joined::Broken,
            }
        }
        let Some(head) = Head::read(&data) else { return Joined::Broken };
        self.size = head.size.unwrap_or(self.size);
        let (width, height) = self.size;
        let frame = Frame { data: data.freeze(), key: head.is_key(), width, height };
        Joined::Frame(Whole { frame, stamp: first.stamp })
    }
}

enum Joined {
    Frame(Whole),
    /// There was nothing in these packets.
    Nothing,
    Broken,
}

#[cfg(test)]
mod tests;
