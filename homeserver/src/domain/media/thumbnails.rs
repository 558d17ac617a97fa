//! Thumbnails: made once for each size, on a blocking thread, within limits of size and memory.

use std::{io::Cursor, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, imageops::FilterType};
use ruma::ServerName;
use tokio::sync::Semaphore;

use crate::store::{Durability, StoreError, ThumbnailKey, ThumbnailRow};

use super::{Found, Media, MediaError};

/// The sizes that are made; what is asked for is answered with the smallest that is at least as large.
const SIZES: [(u32, u32); 5] = [(32, 32), (96, 96), (320, 240), (640, 480), (800, 600)];
/// The largest file that is decoded, in bytes.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;
/// The longest side of a picture that is decoded.
const LONGEST_SIDE: u32 = 16_384;
/// Memory for decoding one picture, in bytes.
const MEMORY: u64 = 256 * 1024 * 1024;

/// How a thumbnail fits its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThumbnailMethod {
    /// Fills it; what sticks out is cut off.
    Crop,
    /// Fits into it whole.
    Scale,
}

/// Which thumbnail is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Thumbnail {
    pub width: u32,
    pub height: u32,
    pub method: ThumbnailMethod,
}

/// One thumbnail is made at a time.
#[derive(Clone)]
pub struct Thumbnails(Arc<Semaphore>);

impl Default for Thumbnails {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Media {
    /// A thumbnail of a picture; the picture itself when that is no larger.
    pub async fn thumbnail(
        &self,
        server: &ServerName,
        media_id: &str,
        wanted: Thumbnail,
        wait: Duration,
    ) -> Result<Found, MediaError> {
        let original = self.find(server, media_id, wait).await?;
        let (width, height) = size_for(wanted);
        let method = match wanted.method {
            ThumbnailMethod::Crop => "crop",
            ThumbnailMethod::Scale => "scale",
        };
        let known = {
            let mut db = self.store.read().await?;
            let server = db.server_sn(server).await?.ok_or(MediaError::NotFound)?;
            let media_id = media_id.to_owned();
            let key = ThumbnailKey { server, media_id, width: width.into(), height: height.into(), method };
            (db.thumbnail(&key).await?, key)
        };
        let (row, key) = known;
        if let Some(row) = row {
            return Ok(self.found_thumbnail(row));
        }
        if original.size > LARGEST_FILE {
            return Err(MediaError::NoThumbnail);
        }
        let permit = Arc::clone(&self.thumbnails.0).acquire_owned().await.map_err(|_| MediaError::NoThumbnail)?;
        let path = original.path.clone();
        let made = tokio::task::spawn_blocking(move || {
            let made = make(path, (width, height), wanted.method);
            drop(permit);
            made
        })
        .await
        .map_err(|_| MediaError::NoThumbnail)??;
        let Some((bytes, format)) = made else { return Ok(original) };
        let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(bytes))]);
        let (file, size) = self.keep(body).await?;
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let row = ThumbnailRow { content_type: format.to_mime_type().to_owned(), file, size };
        let stored = row.clone();
        self.store
            .write::<_, StoreError, _>(Durability::Normal, move |tx| {
                Box::pin(async move { tx.put_thumbnail(&key, &stored).await })
            })
            .await?;
        Ok(self.found_thumbnail(row))
    }

    fn found_thumbnail(&self, row: ThumbnailRow) -> Found {
        Found {
            path: self.folder.join(row.file),
            size: u64::try_from(row.size).unwrap_or_default(),
            content_type: Some(row.content_type),
            filename: None,
        }
    }
}

/// The smallest size that is made and at least as large as the wanted one.
fn size_for(wanted: Thumbnail) -> (u32, u32) {
    let fits = |&&(width, height): &&(u32, u32)| width >= wanted.width && height >= wanted.height;
    SIZES.iter().find(fits).copied().unwrap_or((800, 600))
}

/// The thumbnail's bytes; `None` when the picture is no larger than that.
fn make(
    path: PathBuf,
    (width, height): (u32, u32),
    method: ThumbnailMethod,
) -> Result<Option<(Vec<u8>, ImageFormat)>, MediaError> {
    let mut reader = ImageReader::open(path)?.with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|_| MediaError::NoThumbnail)?;
    let (w, h) = decoder.dimensions();
    if w <= width && h <= height {
        return Ok(None);
    }
    let orientation = decoder.orientation().map_err(|_| MediaError::NoThumbnail)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| MediaError::NoThumbnail)?;
    picture.apply_orientation(orientation);
    let small = match method {
        ThumbnailMethod::Crop => {
            let (width, height) = (width.min(picture.width()), height.min(picture.height()));
            picture.resize_to_fill(width, height, FilterType::Triangle)
        }
        ThumbnailMethod::Scale => picture.resize(width, height, FilterType::Triangle),
    };
    let (small, format) = if small.color().has_alpha() {
        (DynamicImage::ImageRgba8(small.to_rgba8()), ImageFormat::Png)
    } else {
        (DynamicImage::ImageRgb8(small.to_rgb8()), ImageFormat::Jpeg)
    };
    let mut bytes = Cursor::new(Vec::new());
    small.write_to(&mut bytes, format).map_err(|_| MediaError::NoThumbnail)?;
    Ok(Some((bytes.into_inner(), format)))
}
