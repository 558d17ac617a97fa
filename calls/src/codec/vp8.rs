//! VP8 by libvpx, set up for talk.
//!
//! The bindings are the one place of this workspace with unsafe code. Each call hands libvpx only memory that it owns or
//! that outlives the call, and copies what comes back.

mod decoder;
mod encoder;
mod head;

use bytes::Bytes;

pub use decoder::PictureDecoder;
pub use encoder::PictureEncoder;
pub use head::Head;

/// One encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub data: Bytes,
    /// Needs no frame before it.
    pub key: bool,
    pub width: u32,
    pub height: u32,
}
