//! A voice message while it is spoken: Ogg Opus (RFC 7845), and how loud each part of it is.

use std::time::Duration;

use ogg::writing::{PacketWriteEndInfo, PacketWriter};

use crate::codec::{CodecError, SAMPLE_RATE, SILENCE, SOUND_SAMPLES, Sound, VoiceEncoder, energy};

/// The longest message: more than anybody listens to, and less than four megabytes.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Steps of the picture of a message.
pub const STEPS: usize = 100;
/// Stretches of 20 milliseconds to a page: with a second each, little is lost when a file is cut off.
const TO_A_PAGE: usize = 50;
/// What is quieter is drawn as nothing, in decibels.
const QUIETEST: f64 = -50.0;

/// A message that is being spoken.
pub struct Recording {
    encoder: VoiceEncoder,
    pages: PacketWriter<'static, Vec<u8>>,
    serial: u32,
    /// The samples that the encoder is behind.
    skip: u64,
    sounds: usize,
    /// The newest packet: the last one of a file says so.
    packet: Option<Vec<u8>>,
    energies: Vec<f32>,
}

/// A whole message.
#[derive(Debug)]
pub struct Recorded {
    pub file: Vec<u8>,
    pub duration: Duration,
    /// How loud each of at most [`STEPS`] parts is, from 0 to 1.
    pub waveform: Vec<f32>,
}

#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("the file could not be written: {0}")]
    File(#[from] std::io::Error),
}

impl Recording {
    /// `serial`: any number; it tells streams of one file apart.
    pub fn new(serial: u32) -> Result<Self, RecordingError> {
        let mut encoder = VoiceEncoder::new()?;
        let skip = encoder.lookahead()?;
        let mut pages = PacketWriter::new(Vec::new());
        pages.write_packet(head(skip), serial, PacketWriteEndInfo::EndPage, 0)?;
        pages.write_packet(tags(), serial, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self { encoder, pages, serial, skip: skip.into(), sounds: 0, packet: None, energies: Vec::new() })
    }

    /// Takes the next 20 milliseconds; false when the message is as long as one may be, and they were not taken.
    pub fn push(&mut self, sound: &Sound) -> Result<bool, RecordingError> {
        if self.duration() >= LONGEST {
            return Ok(false);
        }
        let packet = self.encoder.encode(sound)?;
        self.write_last(PacketWriteEndInfo::NormalPacket)?;
        self.packet = Some(packet);
        self.sounds += 1;
        self.energies.push(energy(sound) as f32);
        Ok(true)
    }

    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples() as f64 / f64::from(SAMPLE_RATE))
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<Recorded, RecordingError> {
        let (duration, samples) = (self.duration(), self.samples());
        // What the encoder still holds; a player leaves out what is past the end.
        let rest = self.encoder.encode(&SILENCE)?;
        self.write_last(PacketWriteEndInfo::NormalPacket)?;
        self.pages.write_packet(rest, self.serial, PacketWriteEndInfo::EndStream, self.skip + samples)?;
        Ok(Recorded { duration, waveform: waveform(&self.energies), file: self.pages.into_inner() })
    }

    fn samples(&self) -> u64 {
        (self.sounds * SOUND_SAMPLES) as u64
    }

    fn write_last(&mut self, end: PacketWriteEndInfo) -> Result<(), RecordingError> {
        if let Some(packet) = self.packet.take() {
            let full = self.sounds.is_multiple_of(TO_A_PAGE);
            let end = if full { PacketWriteEndInfo::EndPage } else { end };
            self.pages.write_packet(packet, self.serial, end, self.samples())?;
        }
        Ok(())
    }
}

/// Says what kind of sound follows.
fn head(skip: u16) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend_from_slice(&skip.to_le_bytes());
    head.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
    // No gain; one channel, as it is.
    head.extend_from_slice(&[0, 0, 0]);
    head
}

/// Names nobody: a voice message says enough.
fn tags() -> Vec<u8> {
    let mut tags = b"OpusTags".to_vec();
    tags.extend_from_slice(&0_u32.to_le_bytes());
    tags.extend_from_slice(&0_u32.to_le_bytes());
    tags
}

/// How loud the parts are, as ears count.
fn waveform(energies: &[f32]) -> Vec<f32> {
    let steps = energies.len().min(STEPS);
    (0..steps)
        .map(|step| {
            let part = energies.get(step * energies.len() / steps..(step + 1) * energies.len() / steps);
            let loudest = part.unwrap_or_default().iter().copied().fold(0.0, f32::max);
            let decibels = 10.0 * f64::from(loudest).max(1e-12).log10();
            (1.0 - decibels / QUIETEST).clamp(0.0, 1.0) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ogg::PacketReader;

    use super::{LONGEST, Recorded, Recording, STEPS};
    use crate::{
        codec::{SILENCE, SoundDecoder, energy},
        device::tone::Wave,
    };

    fn spoken(sounds: usize) -> Recorded {
        let mut recording = Recording::new(7).unwrap();
        let mut wave = Wave::new(440.0, 0.3);
        for at in 0..sounds {
            // A second of tone, a second of silence.
            let sound = if (at / 50).is_multiple_of(2) { wave.next_sound() } else { SILENCE };
            assert!(recording.push(&sound).unwrap());
        }
        recording.finish().unwrap()
    }

    #[test]
    fn the_file_holds_what_was_said_for_as_long_as_it_was_said() {
        let recorded = spoken(200);
        assert_eq!(recorded.duration.as_millis(), 4000);
        let mut reader = PacketReader::new(Cursor::new(recorded.file));
        let head = reader.read_packet().unwrap().unwrap();
        assert!(head.data.starts_with(b"OpusHead\x01\x01") && head.first_in_stream());
        let skip = usize::from(u16::from_le_bytes([head.data[10], head.data[11]]));
        assert!(reader.read_packet().unwrap().unwrap().data.starts_with(b"OpusTags"));
        let mut decoder = SoundDecoder::new().unwrap();
        let (mut samples, mut last) = (Vec::new(), None);
        while let Some(packet) = reader.read_packet().unwrap() {
            samples.extend(decoder.decode(&packet.data).unwrap());
            last = Some((packet.absgp_page(), packet.last_in_stream()));
        }
        let (end, ends) = last.unwrap();
        assert!(ends);
        assert_eq!(end, (skip + 200 * 960) as u64);
        assert!(samples.len() >= skip + 200 * 960);
        let second = |n: usize| energy(&samples[skip + n * 48_000 + 4800..skip + (n + 1) * 48_000 - 4800]);
        assert!(second(0) > 0.03 && second(2) > 0.03, "{} {}", second(0), second(2));
        assert!(second(1) < 1e-4 && second(3) < 1e-4, "{} {}", second(1), second(3));
    }

    #[test]
    fn the_picture_shows_where_it_was_loud() {
        let waveform = spoken(200).waveform;
        assert_eq!(waveform.len(), STEPS);
        assert!(waveform[5..20].iter().all(|step| (0.5..=1.0).contains(step)), "{waveform:?}");
        assert!(waveform[30..45].iter().all(|step| *step == 0.0), "{waveform:?}");
        assert_eq!(spoken(3).waveform.len(), 3);
        assert!(spoken(0).waveform.is_empty());
    }

    #[test]
    fn nobody_speaks_for_ever() {
        let mut recording = Recording::new(7).unwrap();
        recording.sounds = 44_990;
        let taken = (0..100).take_while(|_| recording.push(&SILENCE).unwrap()).count();
        assert_eq!(taken, 10);
        assert_eq!(recording.finish().unwrap().duration, LONGEST);
    }
}
