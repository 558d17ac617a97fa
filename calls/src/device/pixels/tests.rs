//! The same orange in every layout; bytes that are too few.

use super::{Layout, Plane, picture};
use crate::{codec::Picture, device::card};

/// Orange in brightness and colours of television, as each format has it.
const ORANGE: (u8, u8, u8) = (152, 49, 188);

fn seen(layout: Layout, width: u32, height: u32, bytes: &[u8], stride: usize) -> Option<Picture> {
    picture(layout, width, height, &[Plane { bytes, stride }])
}

fn is_orange(picture: &Picture) -> bool {
    let near = |plane: &[u8], wanted: u8| plane.iter().all(|value| value.abs_diff(wanted) <= 2);
    let [luma, blue, red] = picture.planes();
    near(luma, ORANGE.0) && near(blue, ORANGE.1) && near(red, ORANGE.2)
}

#[test]
fn orange_is_orange_in_every_layout() {
    let (y, u, v) = ORANGE;
    let pixel = |layout: Layout| -> Vec<u8> {
        match layout {
            Layout::Bgrx => vec![0, 140, 255, 7],
            Layout::Rgbx => vec![255, 140, 0, 7],
            Layout::Bgr => vec![0, 140, 255],
            Layout::Rgb => vec![255, 140, 0],
            Layout::Yuyv => vec![y, u, y, v],
            _ => vec![u, y, v, y],
        }
    };
    for layout in [Layout::Bgrx, Layout::Rgbx, Layout::Bgr, Layout::Rgb, Layout::Yuyv, Layout::Uyvy] {
        // Two pixels stand in one word of the last two.
        let in_row = if matches!(layout, Layout::Yuyv | Layout::Uyvy) { 8 } else { 16 };
        for gap in [0, 8] {
            let line: Vec<u8> = pixel(layout).repeat(in_row).into_iter().chain(vec![99; gap]).collect();
            let stride = if gap == 0 { 0 } else { line.len() };
            let picture = seen(layout, 16, 6, &line.repeat(6), stride).unwrap();
            assert_eq!((picture.width(), picture.height()), (16, 6));
            assert!(is_orange(&picture), "{layout:?}: {:?}", picture.planes().map(|plane| plane[0]));
            assert!(seen(layout, 16, 7, &line.repeat(6), stride).is_none(), "{layout:?} lacks a row");
        }
    }
}

#[test]
fn planes_are_found_in_one_piece_and_apart_and_between_gaps() {
    let card = card::draw(30, 18, 5).unwrap();
    let [luma, blue, red] = card.planes();
    let pairs: Vec<u8> = blue.iter().zip(red).flat_map(|(blue, red)| [*blue, *red]).collect();
    let tight = [luma, blue, red].concat();
    assert_eq!(seen(Layout::I420, 30, 18, &tight, 0).unwrap(), card);
    assert_eq!(seen(Layout::Nv12, 30, 18, &[luma, &pairs].concat(), 0).unwrap(), card);
    let apart = [luma, blue, red].map(|bytes| Plane { bytes, stride: 0 });
    assert_eq!(picture(Layout::I420, 30, 18, &apart).unwrap(), card);
    let wide = |plane: &[u8], width: usize, gap: usize| -> Vec<u8> {
        plane.chunks(width).flat_map(|row| [row, &vec![9; gap]].concat()).collect()
    };
    // GStreamer rounds 30 and 15 up to 32 and 16.
    let rounded = [wide(luma, 30, 2), wide(blue, 15, 1), wide(red, 15, 1)].concat();
    assert_eq!(seen(Layout::I420, 30, 18, &rounded, 0).unwrap(), card);
    let rounded = [wide(luma, 30, 2), wide(&pairs, 30, 2)].concat();
    assert_eq!(seen(Layout::Nv12, 30, 18, &rounded, 32).unwrap(), card);
    assert!(seen(Layout::I420, 30, 18, &tight[..tight.len() - 1], 0).is_none());
    assert!(seen(Layout::Nv12, 30, 18, &[], 0).is_none());
    assert!(seen(Layout::I420, 0, 18, &tight, 0).is_none());
    assert!(picture(Layout::I420, 30, 18, &[]).is_none());
}

#[test]
fn a_screen_that_is_too_large_is_made_smaller() {
    let picture = seen(Layout::Bgrx, 5120, 1440, &[0, 140, 255, 0].repeat(5120 * 1440), 0).unwrap();
    assert_eq!((picture.width(), picture.height()), (4096, 1152));
    assert!(is_orange(&picture));
}

#[test]
fn a_jpeg_of_a_camera_is_decoded_and_half_of_one_is_not_trusted() {
    let mut jpeg = Vec::new();
    let pixels = [255, 140, 0].repeat(64 * 48);
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95)
        .encode(&pixels, 64, 48, image::ExtendedColorType::Rgb8)
        .unwrap();
    // What the camera claims about the size does not count.
    let picture = seen(Layout::Jpeg, 9, 9, &jpeg, 0).unwrap();
    assert_eq!((picture.width(), picture.height()), (64, 48));
    assert!(is_orange(&picture), "{:?}", picture.planes().map(|plane| plane[0]));
    for end in [0, 2, 20, jpeg.len() / 4] {
        assert!(seen(Layout::Jpeg, 64, 48, &jpeg[..end], 0).is_none_or(|picture| picture.width() == 64));
    }
    assert!(seen(Layout::Jpeg, 64, 48, &[0; 4096], 0).is_none());
}
