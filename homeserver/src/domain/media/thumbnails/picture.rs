//! Decoding a picture and making it small, still or moving, within limits of size, memory and frames. Blocks.

use std::{
    fs::File,
    io::{BufReader, Cursor},
    path::Path,
};

use image::{
    AnimationDecoder as _, DynamicImage, Frame, Frames, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::{
        gif::{GifDecoder, GifEncoder, Repeat},
        png::PngDecoder,
        webp::WebPDecoder,
    },
    imageops::FilterType,
};

use super::{MediaError, ThumbnailMethod};

/// The longest side of a picture that is decoded.
const LONGEST_SIDE: u32 = 16_384;
/// Memory for decoding one picture, in bytes.
const MEMORY: u64 = 256 * 1024 * 1024;
/// Frames of a moving thumbnail, and the pixels that are decoded for all of them.
const FRAMES: usize = 200;
const PIXELS: u64 = 200_000_000;

/// A thumbnail.
pub(super) enum Made {
    /// The picture is no larger.
    Original(ImageFormat),
    Small(Vec<u8>, ImageFormat),
}

/// Makes a thumbnail of the picture in a file.
pub(super) fn make(path: &Path, size: (u32, u32), method: ThumbnailMethod, animated: bool) -> Result<Made, MediaError> {
    let mut reader = ImageReader::open(path)?.with_guessed_format()?;
    let format = reader.format().ok_or(MediaError::NoThumbnail)?;
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(refusal)?;
    let (w, h) = decoder.dimensions();
    if decoder.total_bytes() > MEMORY {
        return Err(MediaError::TooLarge);
    }
    let small_already = w <= size.0 && h <= size.1;
    let moves = matches!(format, ImageFormat::Gif | ImageFormat::WebP | ImageFormat::Png) && is_moving(path, format)?;
    if small_already && (animated || !moves) {
        return Ok(Made::Original(format));
    }
    if animated && moves {
        let frames = frames(path, format)?.ok_or(MediaError::NoThumbnail)?;
        return Ok(Made::Small(shrink_moving(frames, (w, h), size, method)?, ImageFormat::Gif));
    }
    let orientation = decoder.orientation().map_err(refusal)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    picture.apply_orientation(orientation);
    let small = shrink(picture, size, method);
    let (small, format) = if small.color().has_alpha() {
        (DynamicImage::ImageRgba8(small.to_rgba8()), ImageFormat::Png)
    } else {
        (DynamicImage::ImageRgb8(small.to_rgb8()), ImageFormat::Jpeg)
    };
    let mut bytes = Cursor::new(Vec::new());
    small.write_to(&mut bytes, format).map_err(refusal)?;
    Ok(Made::Small(bytes.into_inner(), format))
}

/// Never larger than it was.
fn shrink(picture: DynamicImage, (width, height): (u32, u32), method: ThumbnailMethod) -> DynamicImage {
    let (w, h) = (picture.width(), picture.height());
    match method {
        ThumbnailMethod::Scale if w <= width && h <= height => picture,
        ThumbnailMethod::Scale => picture.resize(width, height, FilterType::Triangle),
        ThumbnailMethod::Crop => {
            // The wanted shape, as large as the picture can fill without growing.
            let grown = (f64::from(width) / f64::from(w)).max(f64::from(height) / f64::from(h)).max(1.0);
            let side = |wanted: u32, most: u32| ((f64::from(wanted) / grown) as u32).clamp(1, most);
            picture.resize_to_fill(side(width, w), side(height, h), FilterType::Triangle)
        }
    }
}

fn shrink_moving(
    frames: Frames<'_>,
    (w, h): (u32, u32),
    size: (u32, u32),
    method: ThumbnailMethod,
) -> Result<Vec<u8>, MediaError> {
    let most = usize::try_from(PIXELS / (u64::from(w) * u64::from(h)).max(1)).unwrap_or(FRAMES).clamp(1, FRAMES);
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 20);
    encoder.set_repeat(Repeat::Infinite).map_err(refusal)?;
    for frame in frames.take(most) {
        let frame = frame.map_err(refusal)?;
        let delay = frame.delay();
        let small = shrink(DynamicImage::ImageRgba8(frame.into_buffer()), size, method);
        encoder.encode_frame(Frame::from_parts(small.to_rgba8(), 0, 0, delay)).map_err(refusal)?;
    }
    drop(encoder);
    Ok(bytes)
}

/// Whether there is a second frame.
fn is_moving(path: &Path, format: ImageFormat) -> Result<bool, MediaError> {
    Ok(frames(path, format)?.is_some_and(|frames| frames.take(2).filter(Result::is_ok).count() == 2))
}

fn frames(path: &Path, format: ImageFormat) -> Result<Option<Frames<'static>>, MediaError> {
    let file = BufReader::new(File::open(path)?);
    Ok(match format {
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(file).map_err(refusal)?;
            decoder.set_limits(limits()).map_err(refusal)?;
            Some(decoder.into_frames())
        }
        ImageFormat::WebP => {
            let mut decoder = WebPDecoder::new(file).map_err(refusal)?;
            decoder.set_limits(limits()).map_err(refusal)?;
            decoder.has_animation().then(|| decoder.into_frames())
        }
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(file, limits()).map_err(refusal)?;
            if decoder.is_apng().map_err(refusal)? {
                Some(decoder.apng().map_err(refusal)?.into_frames())
            } else {
                None
            }
        }
        _ => None,
    })
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MEMORY);
    limits
}

fn refusal(error: ImageError) -> MediaError {
    match error {
        ImageError::Limits(_) => MediaError::TooLarge,
        _ => MediaError::NoThumbnail,
    }
}
