//! Opus with forward error correction and silence that is not sent.

use ::opus::{Application, Bitrate, Channels, Decoder, Encoder, packet};
use bytes::Bytes;

use super::{CodecError, SAMPLE_RATE, Sound};
use crate::limits::{SOUND_PACKET_BYTES, SOUND_PACKET_SAMPLES};

/// What Opus makes of a stretch in which nothing is said: nobody needs to hear it.
const NOTHING_SAID: usize = 2;
/// The part of packets that the encoder must expect to be lost, so that it repeats each in the next one.
const LEAST_LOSS_PERCENT: i32 = 5;
/// Of voice messages, which nothing is lost of.
const VOICE_BITS: i32 = 32_000;

#[derive(Debug)]
pub struct SoundEncoder(Encoder);

impl SoundEncoder {
    pub fn new(bits_per_second: u32) -> Result<Self, CodecError> {
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(LEAST_LOSS_PERCENT)?;
        encoder.set_dtx(true)?;
        let mut encoder = Self(encoder);
        encoder.set_rate(bits_per_second)?;
        Ok(encoder)
    }

    /// One packet, or None when there is nothing worth sending.
    pub fn encode(&mut self, sound: &Sound) -> Result<Option<Bytes>, CodecError> {
        let packet = self.0.encode_vec_float(sound, SOUND_PACKET_BYTES)?;
        Ok((packet.len() > NOTHING_SAID).then(|| packet.into()))
    }

    /// Bits per second, without the headers of packets.
    pub fn set_rate(&mut self, bits_per_second: u32) -> Result<(), CodecError> {
        let rate = bits_per_second.clamp(6_000, 128_000).cast_signed();
        Ok(self.0.set_bitrate(Bitrate::Bits(rate))?)
    }

    /// The part of our packets that does not arrive, from 0 to 1.
    pub fn set_loss(&mut self, loss: f64) -> Result<(), CodecError> {
        let percent = ((loss * 100.0).ceil() as i32).clamp(LEAST_LOSS_PERCENT, 30);
        Ok(self.0.set_packet_loss_perc(percent)?)
    }
}

/// For files: every stretch becomes a packet.
#[derive(Debug)]
pub struct VoiceEncoder(Encoder);

impl VoiceEncoder {
    pub fn new() -> Result<Self, CodecError> {
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(VOICE_BITS))?;
        Ok(Self(encoder))
    }

    /// The samples that what is decoded is behind.
    pub fn lookahead(&mut self) -> Result<u16, CodecError> {
        u16::try_from(self.0.get_lookahead()?).map_err(|_| CodecError::PastBounds)
    }

    pub fn encode(&mut self, sound: &Sound) -> Result<Vec<u8>, CodecError> {
        Ok(self.0.encode_vec_float(sound, SOUND_PACKET_BYTES)?)
    }
}

#[derive(Debug)]
pub struct SoundDecoder(Decoder);

impl SoundDecoder {
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self(Decoder::new(SAMPLE_RATE, Channels::Mono)?))
    }

    pub fn decode(&mut self, packet: &[u8]) -> Result<Vec<f32>, CodecError> {
        let samples = samples_in(packet).ok_or(CodecError::PastBounds)?;
        self.take(packet, samples, false)
    }

    /// What was in the packet before this one, from what this one repeats of it.
    pub fn recover(&mut self, next: &[u8], samples: usize) -> Result<Vec<f32>, CodecError> {
        self.take(next, samples.min(SOUND_PACKET_SAMPLES), true)
    }

    /// What probably was in a packet that is lost.
    pub fn conceal(&mut self, samples: usize) -> Result<Vec<f32>, CodecError> {
        self.take(&[], samples.min(SOUND_PACKET_SAMPLES), false)
    }

    fn take(&mut self, packet: &[u8], samples: usize, recover: bool) -> Result<Vec<f32>, CodecError> {
        let mut sound = vec![0.0; samples];
        let decoded = self.0.decode_float(packet, &mut sound, recover)?;
        sound.truncate(decoded);
        Ok(sound)
    }
}

/// How much sound a packet holds. None: it is no Opus packet, or past the bounds.
pub fn samples_in(packet: &[u8]) -> Option<usize> {
    if packet.is_empty() || packet.len() > SOUND_PACKET_BYTES {
        return None;
    }
    let samples = packet::get_nb_samples(packet, SAMPLE_RATE).ok()?;
    (1..=SOUND_PACKET_SAMPLES).contains(&samples).then_some(samples)
}
