//! What cameras and screens give, into pictures as encoders take them.

use fast_image_resize::{
    PixelType, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvError, YuvPackedImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    bgr_to_yuv420, bgra_to_yuv420, rgb_to_yuv420, rgba_to_yuv420, uyvy422_to_yuv420, yuyv422_to_yuv420,
};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use crate::{
    codec::{Picture, picture::fits},
    limits::{PICTURE_PIXELS, PICTURE_SIDE},
};

/// How the bytes of a picture lie; an `x` is a byte that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    I420,
    Nv12,
    Yuyv,
    Uyvy,
    Bgrx,
    Rgbx,
    Bgr,
    Rgb,
    Jpeg,
}

/// Bytes in the memory of whoever made them, and how long their rows are; 0: that is not said.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    pub bytes: &'a [u8],
    pub stride: usize,
}

/// The picture that these planes hold; one plane may hold all of them, one after the other. None when they do not hold what
/// they claim, or have no size.
pub fn picture(layout: Layout, width: u32, height: u32, planes: &[Plane<'_>]) -> Option<Picture> {
    let first = *planes.first()?;
    let packed = |bytes_of_pixel: usize| {
        let stride = first.stride.max(width as usize * bytes_of_pixel);
        (first.bytes.len() >= stride * height as usize && width > 0 && height > 0).then_some(stride)
    };
    match layout {
        Layout::Jpeg => jpeg(first.bytes),
        Layout::Bgrx | Layout::Rgbx => {
            let stride = packed(4)?;
            match shrunk(first.bytes, stride, width, height) {
                Some((bytes, width, height)) => coloured(layout, width, height, &bytes, width as usize * 4),
                None => coloured(layout, width, height, first.bytes, stride),
            }
        }
        Layout::Bgr | Layout::Rgb => coloured(layout, width, height, first.bytes, packed(3)?),
        Layout::Yuyv | Layout::Uyvy => {
            let mut picture = Picture::black(width, height)?;
            let stride = packed(2)?.max(width.div_ceil(2) as usize * 4);
            let packed = YuvPackedImage { yuy: first.bytes, yuy_stride: u32::try_from(stride).ok()?, width, height };
            let mut target = target(&mut picture);
            let done = match layout {
                Layout::Yuyv => yuyv422_to_yuv420(&mut target, &packed),
                _ => uyvy422_to_yuv420(&mut target, &packed),
            };
            done.ok().map(|()| picture)
        }
        Layout::I420 | Layout::Nv12 => planar(layout, width, height, planes),
    }
}

fn coloured(layout: Layout, width: u32, height: u32, bytes: &[u8], stride: usize) -> Option<Picture> {
    type Convert = fn(
        &mut YuvPlanarImageMut<'_, u8>,
        &[u8],
        u32,
        YuvRange,
        YuvStandardMatrix,
        YuvConversionMode,
    ) -> Result<(), YuvError>;
    let convert: Convert = match layout {
        Layout::Bgrx => bgra_to_yuv420,
        Layout::Rgbx => rgba_to_yuv420,
        Layout::Bgr => bgr_to_yuv420,
        _ => rgb_to_yuv420,
    };
    let mut picture = Picture::black(width, height)?;
    let stride = u32::try_from(stride).ok()?;
    let (range, matrix) = (YuvRange::Limited, YuvStandardMatrix::Bt601);
    convert(&mut target(&mut picture), bytes, stride, range, matrix, YuvConversionMode::default()).ok()?;
    Some(picture)
}

fn jpeg(bytes: &[u8]) -> Option<Picture> {
    let side = PICTURE_SIDE as usize;
    let options = DecoderOptions::default()
        .set_max_width(side)
        .set_max_height(side)
        .set_strict_mode(false)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let info = decoder.info()?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    if !fits(width, height) {
        return None;
    }
    let pixels = decoder.decode().ok()?;
    coloured(Layout::Rgb, width, height, &pixels, width as usize * 3)
}

/// Screens can be larger than any picture may be. None when this one is not.
fn shrunk(bytes: &[u8], stride: usize, width: u32, height: u32) -> Option<(Vec<u8>, u32, u32)> {
    if fits(width, height) {
        return None;
    }
    let (wide, high) = (f64::from(width), f64::from(height));
    let longest = f64::from(PICTURE_SIDE) / wide.max(high);
    let scale = longest.min((f64::from(PICTURE_PIXELS) / (wide * high)).sqrt()).min(1.0);
    let even = |side: f64| ((side * scale) as u32 & !1).max(2);
    let (to_width, to_height) = (even(wide), even(high));
    let source = ImageRef::new(u32::try_from(stride / 4).ok()?, height, bytes, PixelType::U8x4).ok()?;
    let mut target = Image::new(to_width, to_height, PixelType::U8x4);
    let options = ResizeOptions::new().crop(0.0, 0.0, wide, high).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).ok()?;
    Some((target.into_vec(), to_width, to_height))
}

fn planar(layout: Layout, width: u32, height: u32, planes: &[Plane<'_>]) -> Option<Picture> {
    let mut picture = Picture::black(width, height)?;
    let (half, rows) = (width.div_ceil(2) as usize, height.div_ceil(2) as usize);
    let whole;
    let planes = match (layout, planes) {
        (Layout::I420, [_, _, _, ..]) | (Layout::Nv12, [_, _, ..]) => planes,
        (_, [all, ..]) => {
            whole = apart(layout, width as usize, height as usize, *all)?;
            &whole[..]
        }
        _ => return None,
    };
    let stride = |plane: &Plane<'_>, least: usize| plane.stride.max(least);
    let [luma, blue, red] = picture.planes_mut();
    let first = planes.first()?;
    copy(first, stride(first, width as usize), luma, width as usize, height as usize)?;
    let second = planes.get(1)?;
    if layout == Layout::I420 {
        copy(second, stride(second, half), blue, half, rows)?;
        let third = planes.get(2)?;
        copy(third, stride(third, half), red, half, rows)?;
        return Some(picture);
    }
    let stride = stride(second, 2 * half);
    if second.bytes.len() < stride * (rows - 1) + 2 * half {
        return None;
    }
    let lines = blue.chunks_exact_mut(half).zip(red.chunks_exact_mut(half)).zip(second.bytes.chunks(stride));
    for ((blue, red), line) in lines {
        for ((blue, red), pair) in blue.iter_mut().zip(red).zip(line.chunks_exact(2)) {
            if let [first, second] = pair {
                (*blue, *red) = (*first, *second);
            }
        }
    }
    Some(picture)
}

/// The planes that lie in one piece of memory: without gaps, or as GStreamer rounds them.
fn apart(layout: Layout, width: usize, height: usize, all: Plane<'_>) -> Option<Vec<Plane<'_>>> {
    let round = |value: usize, to: usize| value.div_ceil(to) * to;
    let luma = if all.stride == 0 { width } else { all.stride };
    let tight = (luma, if all.stride == 0 { width.div_ceil(2) } else { luma.div_ceil(2) }, height.div_ceil(2), height);
    let rounded = (round(luma, 4), round(round(width, 2) / 2, 4), height.div_ceil(2), round(height, 2));
    let (planes, double) = if layout == Layout::I420 { (2, 1) } else { (1, 2) };
    let size = |(luma, half, rows, high): (usize, usize, usize, usize)| luma * high + planes * double * half * rows;
    let fits = if size(rounded) == all.bytes.len() { rounded } else { tight };
    let (luma, half, rows, high) = fits;
    let half = half * double;
    let (first, mut rest) = all.bytes.split_at_checked(luma * high)?;
    let mut apart = vec![Plane { bytes: first, stride: luma }];
    for _ in 0..planes {
        let (plane, after) = rest.split_at_checked(half * rows)?;
        apart.push(Plane { bytes: plane, stride: half });
        rest = after;
    }
    Some(apart)
}

fn copy(from: &Plane<'_>, stride: usize, target: &mut [u8], width: usize, height: usize) -> Option<()> {
    if width == 0 || height == 0 || from.bytes.len() < stride * (height - 1) + width {
        return None;
    }
    for (line, row) in from.bytes.chunks(stride).zip(target.chunks_exact_mut(width)) {
        row.copy_from_slice(line.get(..width)?);
    }
    Some(())
}

fn target(picture: &mut Picture) -> YuvPlanarImageMut<'_, u8> {
    let (width, height) = (picture.width(), picture.height());
    let half = width.div_ceil(2);
    let [luma, blue, red] = picture.planes_mut();
    YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(luma),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(blue),
        u_stride: half,
        v_plane: BufferStoreMut::Borrowed(red),
        v_stride: half,
        width,
        height,
    }
}

#[cfg(test)]
mod tests;
