//! A picture as a file that every browser shows.

use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgb};

use super::Picture;

/// Percent; a picture of a call is looked at for a thirtieth of a second.
const QUALITY: u8 = 75;

/// The picture as JPEG.
pub fn jpeg(picture: &Picture) -> Option<Vec<u8>> {
    let (width, height) = (picture.width(), picture.height());
    let [luma, blue, red] = picture.planes();
    let half = width.div_ceil(2);
    let image = YuvPlanarImage {
        y_plane: luma,
        y_stride: width,
        u_plane: blue,
        u_stride: half,
        v_plane: red,
        v_stride: half,
        width,
        height,
    };
    let mut pixels = vec![0; width as usize * height as usize * 3];
    yuv420_to_rgb(&image, &mut pixels, width * 3, YuvRange::Limited, YuvStandardMatrix::Bt601).ok()?;
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, QUALITY).encode(&pixels, width, height, ExtendedColorType::Rgb8).ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::jpeg;
    use crate::device::{
        card,
        pixels::{Layout, Plane, picture},
    };

    #[test]
    fn a_still_shows_what_the_picture_showed() {
        let card = card::draw(64, 48, 3).unwrap();
        let file = jpeg(&card).unwrap();
        let again = picture(Layout::Jpeg, 64, 48, &[Plane { bytes: &file, stride: 0 }]).unwrap();
        assert!((again.mean_luma() - card.mean_luma()).abs() < 2.0);
        let [luma, ..] = again.planes();
        let far = luma.iter().zip(card.planes()[0]).filter(|(one, other)| one.abs_diff(**other) > 40).count();
        assert!(far * 50 < luma.len(), "{far}");
    }
}
