//! A test card that moves: what a pretended camera sees.

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
