//! One picture as video codecs have it: full brightness, and colour at half the width and height.

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};

use crate::limits::{PICTURE_PIXELS, PICTURE_SIDE};

/// Planar 4:2:0 without gaps between the rows. The planes always have the sizes that width and height ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    luma: Vec<u8>,
    blue: Vec<u8>,
    red: Vec<u8>,
}

impl Picture {
    /// A black picture. None when it has no size or one past the bounds.
    pub fn black(width: u32, height: u32) -> Option<Self> {
        if !fits(width, height) {
            return None;
        }
        let pixels = width as usize * height as usize;
        let colours = width.div_ceil(2) as usize * height.div_ceil(2) as usize;
        Some(Self { width, height, luma: vec![16; pixels], blue: vec![128; colours], red: vec![128; colours] })
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    /// Brightness and the two colours, in the order of the format.
    pub fn planes(&self) -> [&[u8]; 3] {
        [&self.luma, &self.blue, &self.red]
    }

    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        [&mut self.luma, &mut self.blue, &mut self.red]
    }

    /// The bytes of a row of each plane.
    pub fn strides(&self) -> [usize; 3] {
        let half = self.width.div_ceil(2) as usize;
        [self.width as usize, half, half]
    }

    pub fn mean_luma(&self) -> f64 {
        let sum: u64 = self.luma.iter().map(|value| u64::from(*value)).sum();
        sum as f64 / self.luma.len().max(1) as f64
    }

    /// The picture at another size. None when that size is past the bounds.
    pub fn scaled(&self, width: u32, height: u32) -> Option<Self> {
        if (width, height) == (self.width, self.height) {
            return Some(self.clone());
        }
        let mut scaled = Self::black(width, height)?;
        let sizes = |width: u32, height: u32| {
            let half = (width.div_ceil(2), height.div_ceil(2));
            [(width, height), half, half]
        };
        let sides = sizes(self.width, self.height).into_iter().zip(sizes(width, height));
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        let mut resizer = Resizer::new();
        for ((target, source), (from, to)) in scaled.planes_mut().into_iter().zip(self.planes()).zip(sides) {
            let source = ImageRef::new(from.0, from.1, source, PixelType::U8).ok()?;
            let mut target = Image::from_slice_u8(to.0, to.1, target, PixelType::U8).ok()?;
            resizer.resize(&source, &mut target, &options).ok()?;
        }
        Some(scaled)
    }
}

/// Whether a picture may have this size.
pub fn fits(width: u32, height: u32) -> bool {
    let sides = 1..=PICTURE_SIDE;
    sides.contains(&width) && sides.contains(&height) && width * height <= PICTURE_PIXELS
}
