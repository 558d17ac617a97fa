//! Sound and pictures from files, over and over: WAV of 48,000 samples a second in 16 bits, Y4M of 4:2:0.

use std::{io, path::Path, sync::Arc};

use crate::codec::{Picture, SAMPLE_RATE, SILENCE, SOUND_SAMPLES, Sound};

/// Half a gigabyte; what is longer is no test.
const MOST: u64 = 512 * 1024 * 1024;

/// A sound that begins anew at its end.
#[derive(Clone, Debug)]
pub struct Recording {
    samples: Arc<Vec<f32>>,
    at: usize,
}

/// Pictures that begin anew at their end.
#[derive(Clone, Debug)]
pub struct Film {
    pictures: Arc<Vec<Picture>>,
    at: usize,
}

impl Recording {
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::read(&bytes(path)?).ok_or_else(|| unknown("a WAV of 48,000 Hz and 16 bits"))
    }

    /// Of several channels the first one is heard.
    fn read(file: &[u8]) -> Option<Self> {
        let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
        let mut channels = None;
        while let Some((head, after)) = rest.split_first_chunk::<8>() {
            let (name, size) = head.split_first_chunk::<4>()?;
            let size = u32::from_le_bytes(size.try_into().ok()?) as usize;
            let body = after.get(..size.min(after.len()))?;
            match name {
                b"fmt " => {
                    let word = |at: usize| Some(u16::from_le_bytes(body.get(at..at + 2)?.try_into().ok()?));
                    let rate = u32::from_le_bytes(body.get(4..8)?.try_into().ok()?);
                    let fits = (word(0)?, rate, word(14)?) == (1, SAMPLE_RATE, 16);
                    channels = fits.then_some(word(2)?).filter(|channels| *channels > 0);
                }
                b"data" => {
                    let step = 2 * usize::from(channels?);
                    let sample = |frame: &[u8]| Some(i16::from_le_bytes(*frame.first_chunk()?));
                    let samples: Vec<f32> =
                        body.chunks_exact(step).filter_map(sample).map(|sample| f32::from(sample) / 32_768.0).collect();
                    return (!samples.is_empty()).then(|| Self { samples: Arc::new(samples), at: 0 });
                }
                _ => {}
            }
            rest = after.get(size + size % 2..)?;
        }
        None
    }

    pub fn next_sound(&mut self) -> Sound {
        let mut sound = SILENCE;
        for (sample, heard) in sound.iter_mut().zip(self.samples.iter().cycle().skip(self.at)) {
            *sample = *heard;
        }
        self.at = (self.at + SOUND_SAMPLES) % self.samples.len().max(1);
        sound
    }
}

impl Film {
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::read(&bytes(path)?).ok_or_else(|| unknown("a Y4M of 4:2:0"))
    }

    /// None without a picture.
    pub fn of(pictures: Vec<Picture>) -> Option<Self> {
        (!pictures.is_empty()).then(|| Self { pictures: Arc::new(pictures), at: 0 })
    }

    fn read(file: &[u8]) -> Option<Self> {
        let (head, mut rest) = line(file)?;
        let mut words = head.split(' ');
        if words.next() != Some("YUV4MPEG2") {
            return None;
        }
        let (mut width, mut height) = (0, 0);
        for word in words {
            match word.split_at_checked(1)? {
                ("W", side) => width = side.parse().ok()?,
                ("H", side) => height = side.parse().ok()?,
                // Eight bits: `420p10` and the like have more.
                ("C", kind) if !kind.starts_with("420") || kind.starts_with("420p") => return None,
                _ => {}
            }
        }
        let mut pictures = Vec::new();
        while let Some((_, after)) = line(rest).filter(|(head, _)| head.starts_with("FRAME")) {
            let mut picture = Picture::black(width, height)?;
            rest = after;
            for plane in picture.planes_mut() {
                let (bytes, after) = rest.split_at_checked(plane.len())?;
                plane.copy_from_slice(bytes);
                rest = after;
            }
            pictures.push(picture);
        }
        Self::of(pictures)
    }

    pub fn next_picture(&mut self) -> Picture {
        let now = self.at;
        self.at = (now + 1) % self.pictures.len().max(1);
        #[expect(clippy::indexing_slicing, reason = "a film has pictures, and the place is one of them")]
        self.pictures[now].clone()
    }
}

/// The first line, which is short, and what follows it.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(256).position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(line).ok()?, rest.get(1..)?))
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > MOST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large"));
    }
    std::fs::read(path)
}

fn unknown(wanted: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the file is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::{Film, Recording};
    use crate::{codec::SOUND_SAMPLES, device::card};

    fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut file = b"RIFF....WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        file.extend(rate.to_le_bytes());
        file.extend(b"\0\0\0\0\x02\0\x10\0data");
        file.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        file.extend(data);
        file
    }

    #[test]
    fn a_recording_is_heard_again_from_its_end() {
        let mut recording = Recording::read(&wav(48_000, &[16_384, -16_384, 0])).unwrap();
        let (first, second) = (recording.next_sound(), recording.next_sound());
        assert_eq!(first[..4], [0.5, -0.5, 0.0, 0.5]);
        assert_eq!(SOUND_SAMPLES % 3, 0);
        assert_eq!(first, second);
        assert!(Recording::read(&wav(44_100, &[1])).is_none());
        assert!(Recording::read(&wav(48_000, &[])).is_none());
        assert!(Recording::read(b"RIFF").is_none());
        for end in 0..50 {
            assert!(Recording::read(&wav(48_000, &[1, 2])[..end]).is_none());
        }
    }

    #[test]
    fn a_film_is_seen_again_from_its_end() {
        let cards = [1, 2].map(|number| card::draw(30, 18, number).unwrap());
        let mut file = b"YUV4MPEG2 W30 H18 F30:1 Ip C420jpeg\n".to_vec();
        for card in &cards {
            file.extend(b"FRAME\n");
            file.extend(card.planes().concat());
        }
        let mut film = Film::read(&file).unwrap();
        for card in cards.iter().chain(&cards) {
            assert_eq!(film.next_picture(), *card);
        }
        assert!(Film::read(&file[..file.len() - 1]).is_none());
        assert!(Film::read(b"YUV4MPEG2 W30 H18 C444\nFRAME\n").is_none());
        assert!(Film::read(b"YUV4MPEG2 W30000 H18000\nFRAME\n").is_none());
        assert!(Film::read(b"YUV4MPEG2 W30 H18\n").is_none());
    }
}
