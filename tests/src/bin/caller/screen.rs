//! Where a caller sees the other side: frames are decoded, and the last picture can be saved.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use calls::{
    Side,
    codec::{Picture, PictureDecoder},
    device::{Shown, Viewer},
};
use image::{Rgb, RgbImage};

#[derive(Default)]
pub struct Screen(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    decoders: Vec<(String, PictureDecoder)>,
    picture: Option<Picture>,
    counts: Counts,
}

/// What was seen, since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub decoded: u64,
    /// Frames that are none, or come without those they need.
    pub broken: u64,
    /// Of our own, as the own view has them.
    pub own: u64,
    /// Of the last picture.
    pub width: u32,
    pub height: u32,
    pub mean_luma: f64,
}

/// What a picture is like: red, green and blue from 0 to 255, and the standard deviation of their mean.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub colour: [f64; 3],
    pub spread: f64,
}

impl Screen {
    pub fn frames(&self) -> u64 {
        self.counts().decoded
    }

    pub fn counts(&self) -> Counts {
        self.seen().counts
    }

    /// Writes the last picture as PNG, and answers its mean colour and how much its brightness varies.
    pub fn save(&self, file: &Path) -> Result<Look> {
        let picture = self.seen().picture.clone().context("nothing was seen yet")?;
        let image = image_of(&picture);
        image.save(file)?;
        Ok(Look::at(&image))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Look {
    fn at(image: &RgbImage) -> Self {
        let count = f64::from(image.width() * image.height()).max(1.0);
        let (mut colour, mut sum, mut squares) = ([0.0; 3], 0.0, 0.0);
        for Rgb(pixel) in image.pixels() {
            let pixel = pixel.map(f64::from);
            for (mean, part) in colour.iter_mut().zip(pixel) {
                *mean += part / count;
            }
            let bright = pixel.iter().sum::<f64>() / 3.0;
            (sum, squares) = (sum + bright, squares + bright * bright);
        }
        let mean = sum / count;
        Self { colour, spread: (squares / count - mean * mean).max(0.0).sqrt() }
    }
}

impl Viewer for Screen {
    fn show(&self, shown: Shown<'_>) {
        let mut seen = self.seen();
        if shown.whose == Side::Us {
            seen.counts.own += 1;
            return;
        }
        match seen.decode(shown) {
            Some(picture) => {
                let (width, height, mean_luma) = (picture.width(), picture.height(), picture.mean_luma());
                seen.counts = Counts { decoded: seen.counts.decoded + 1, width, height, mean_luma, ..seen.counts };
                seen.picture = Some(picture);
            }
            None => seen.counts.broken += 1,
        }
    }
}

impl Seen {
    fn decode(&mut self, shown: Shown<'_>) -> Option<Picture> {
        if !self.decoders.iter().any(|(stream, _)| stream == shown.stream) {
            self.decoders.push((shown.stream.to_owned(), PictureDecoder::new().ok()?));
        }
        let (_, decoder) = self.decoders.iter_mut().find(|(stream, _)| stream == shown.stream)?;
        decoder.decode(&shown.frame.data).ok().flatten()
    }
}

/// By ITU-R BT.601, which VP8 has.
fn image_of(picture: &Picture) -> RgbImage {
    let ([luma, blue, red], [stride, half, _]) = (picture.planes(), picture.strides());
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let (x, y) = (x as usize, y as usize);
        let at = |plane: &[u8], place: usize| f32::from(plane.get(place).copied().unwrap_or_default());
        let (colour, bright) = (y / 2 * half + x / 2, 1.164 * (at(luma, y * stride + x) - 16.0));
        let (blue, red) = (at(blue, colour) - 128.0, at(red, colour) - 128.0);
        let byte = |value: f32| value.clamp(0.0, 255.0) as u8;
        Rgb([byte(bright + 1.596 * red), byte(bright - 0.392 * blue - 0.813 * red), byte(bright + 2.017 * blue)])
    })
}
