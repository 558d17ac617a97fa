//! Sound and pictures into the bytes of packets and back.
//!
//! What comes from the network is bounded before a codec sees it: see [`crate::limits`].

pub mod opus;
pub mod picture;
pub mod still;
pub mod vp8;

pub use self::opus::{SoundDecoder, SoundEncoder, VoiceEncoder};
pub use picture::Picture;
pub use vp8::{Frame, PictureDecoder, PictureEncoder};

/// Samples a second, of one channel.
pub const SAMPLE_RATE: u32 = 48_000;
/// The samples of 20 milliseconds, the sound of one packet.
pub const SOUND_SAMPLES: usize = 960;

/// 20 milliseconds of sound, each sample from -1 to 1.
pub type Sound = [f32; SOUND_SAMPLES];

pub const SILENCE: Sound = [0.0; SOUND_SAMPLES];

#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("Opus: {0}")]
    Opus(#[from] ::opus::Error),
    #[error("VP8 cannot {0}")]
    Vp8(&'static str),
    /// The data would need more memory or time than any honest sender's.
    #[error("the data is past its bounds")]
    PastBounds,
}

/// The mean square of the samples: 0 is silence, 1 the loudest there is.
pub fn energy(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    sum / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests;
