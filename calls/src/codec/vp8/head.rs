//! The first bytes of a VP8 frame (RFC 6386, section 9.1), read before a decoder allocates what they ask for.

use crate::{codec::picture::fits, limits::FRAME_BYTES};

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Width and height of a key frame, and of all that follow it.
    pub size: Option<(u32, u32)>,
}

impl Head {
    /// None when this is no frame, or one past the bounds.
    pub fn read(frame: &[u8]) -> Option<Self> {
        if frame.len() > FRAME_BYTES {
            return None;
        }
        let [first, _, _, rest @ ..] = frame else { return None };
        if first & 1 == 1 {
            return Some(Self { size: None });
        }
        let [0x9d, 0x01, 0x2a, width_low, width_high, height_low, height_high, ..] = rest else { return None };
        let side = |low: &u8, high: &u8| u32::from(u16::from_le_bytes([*low, *high]) & 0x3fff);
        let (width, height) = (side(width_low, width_high), side(height_low, height_high));
        fits(width, height).then_some(Self { size: Some((width, height)) })
    }

    pub fn is_key(&self) -> bool {
        self.size.is_some()
    }
}
