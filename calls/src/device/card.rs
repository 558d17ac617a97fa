//! A test card that moves, and a code that is held up: what a pretended camera sees.

use crate::codec::Picture;

/// The picture with this number: bars that wander, and a bright square that runs. None when the size is past the bounds.
pub fn draw(width: u32, height: u32, number: u32) -> Option<Picture> {
    let mut picture = Picture::black(width, height)?;
    let [stride, half, _] = picture.strides();
    let shift = number as usize * 3;
    let side = (height as usize / 5).max(2);
    let run = shift % (width as usize).max(1);
    let [luma, blue, red] = picture.planes_mut();
    for (row, line) in luma.chunks_exact_mut(stride).enumerate() {
        let inside = (side..2 * side).contains(&row);
        for (column, pixel) in line.iter_mut().enumerate() {
            let bar = (column + shift) * 7 / stride.max(1) % 7;
            let square = inside && (run..run + side).contains(&column);
            *pixel = if square { 235 } else { u8::try_from(40 + 20 * bar).unwrap_or(235) };
        }
    }
    for (line_of_blue, line_of_red) in blue.chunks_exact_mut(half).zip(red.chunks_exact_mut(half)) {
        for (column, (blue, red)) in line_of_blue.iter_mut().zip(line_of_red).enumerate() {
            let bar = (2 * column + shift) * 7 / stride.max(1) % 7;
            *blue = u8::try_from(80 + 16 * bar).unwrap_or(128);
            *red = u8::try_from(176 - 16 * bar).unwrap_or(128);
        }
    }
    Some(picture)
}

/// How a code is held before the camera.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Pixels of a side of a module.
    pub module: f64,
    /// To the right.
    pub degrees: f64,
}

/// A picture of a code on white paper. `modules` are a square, row by row; true is dark. None when the size is past the bounds.
pub fn code(width: u32, height: u32, modules: &[bool], held: Held) -> Option<Picture> {
    /// Modules of paper around the code, and looks at each pixel in each direction.
    const PAPER: f64 = 4.0;
    const LOOKS: u32 = 3;
    let side = modules.len().isqrt();
    let (sine, cosine) = held.degrees.to_radians().sin_cos();
    let seen = |column: u32, row: u32| {
        let from_centre = |at: u32, side: u32| (f64::from(at) + 0.5) / f64::from(LOOKS) - f64::from(side) / 2.0;
        let (x, y) = (from_centre(column, width), from_centre(row, height));
        let at = |part: f64| part / held.module + side as f64 / 2.0;
        let (across, down) = (at(x * cosine + y * sine), at(y * cosine - x * sine));
        let inside = |margin: f64| [across, down].iter().all(|at| (-margin..side as f64 + margin).contains(at));
        match modules.get(down.max(0.0) as usize * side + across.max(0.0) as usize) {
            Some(true) if inside(0.0) => 40,
            _ if inside(PAPER) => 210_u32,
            _ => 110,
        }
    };
    let mut picture = Picture::black(width, height)?;
    let [luma, ..] = picture.planes_mut();
    let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (column, row)));
    for (value, (column, row)) in luma.iter_mut().zip(pixels) {
        let looks = (0..LOOKS * LOOKS).map(|look| seen(column * LOOKS + look % LOOKS, row * LOOKS + look / LOOKS));
        *value = u8::try_from(looks.sum::<u32>() / (LOOKS * LOOKS)).unwrap_or(235);
    }
    Some(picture)
}
