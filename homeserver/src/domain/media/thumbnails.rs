//! Thumbnails: made once for each size, one at a time, and kept.

mod picture;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ruma::ServerName;
use tokio::sync::Semaphore;

use crate::store::{Durability, StoreError, ThumbnailKey, ThumbnailRow};

use super::{Found, Media, MediaError};

use self::picture::Made;

/// The sizes that are made; what is asked for is answered with the smallest that is at least as large.
const SIZES: [(u32, u32); 6] = [(32, 32), (96, 96), (320, 240), (640, 480), (800, 600), (1600, 1200)];
/// Sides of squares that are made by cutting.
const SQUARES: [u32; 6] = [32, 96, 320, 640, 800, 1600];
/// Other shapes come in steps of this many pixels, so that a picture has not too many of them.
const STEP: u32 = 32;
/// The largest file that is decoded, in bytes.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

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
    /// Moves, if the picture does.
    pub animated: bool,
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
        if wanted.width == 0 || wanted.height == 0 {
            return Err(MediaError::NoThumbnail);
        }
        let original = self.find(server, media_id, wait).await?;
        let (width, height) = size_for(wanted);
        let method = match wanted.method {
            ThumbnailMethod::Crop => "crop",
            ThumbnailMethod::Scale => "scale",
        };
        let key = {
            let mut db = self.store.read().await?;
            let key = ThumbnailKey {
                server: db.server_sn(server).await?.ok_or(MediaError::NotFound)?,
                media_id: media_id.to_owned(),
                width: width.into(),
                height: height.into(),
                method,
                animated: wanted.animated,
            };
            if let Some(row) = db.thumbnail(&key).await? {
                return Ok(self.found_thumbnail(row));
            }
            key
        };
        let too_large = || if server == self.server_name { MediaError::TooLarge } else { MediaError::RemoteTooLarge };
        if original.size > LARGEST_FILE {
            return Err(too_large());
        }
        let permit = Arc::clone(&self.thumbnails.0).acquire_owned().await.map_err(|_| MediaError::NoThumbnail)?;
        let path = original.path.clone();
        let made = tokio::task::spawn_blocking(move || {
            let made = picture::make(&path, (width, height), wanted.method, wanted.animated);
            drop(permit);
            made
        })
        .await
        .map_err(|_| MediaError::NoThumbnail)?;
        let (bytes, format) = match made
            .map_err(|error| if matches!(error, MediaError::TooLarge) { too_large() } else { error })?
        {
            // What the picture is, not what its uploader called it: a browser shows it.
            Made::Original(format) => {
                return Ok(Found { content_type: Some(format.to_mime_type().to_owned()), filename: None, ..original });
            }
            Made::Small(bytes, format) => (bytes, format),
        };
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

/// The smallest size that is made and at least as large as the wanted one; a cut one has the wanted shape too.
fn size_for(wanted: Thumbnail) -> (u32, u32) {
    let (width, height) = (wanted.width, wanted.height);
    let largest = (1600, 1200);
    let standard = SIZES.iter().find(|(w, h)| *w >= width && *h >= height).copied().unwrap_or(largest);
    if wanted.method == ThumbnailMethod::Scale || standard == (width, height) {
        return standard;
    }
    if width == height {
        let side = SQUARES.iter().find(|side| **side >= width).copied().unwrap_or(largest.0);
        return (side, side);
    }
    let step = |side: u32| side.min(largest.0).next_multiple_of(STEP);
    (step(width), step(height))
}

#[cfg(test)]
mod tests {
    use super::{Thumbnail, ThumbnailMethod, size_for};

    #[test]
    fn sizes_are_at_least_as_large_as_wanted_and_few() {
        let scale =
            |width, height| size_for(Thumbnail { width, height, method: ThumbnailMethod::Scale, animated: false });
        let crop =
            |width, height| size_for(Thumbnail { width, height, method: ThumbnailMethod::Crop, animated: false });
        assert_eq!([scale(1, 1), scale(320, 240), scale(321, 1)], [(32, 32), (320, 240), (640, 480)]);
        assert_eq!([crop(40, 40), crop(97, 97), crop(320, 240)], [(96, 96), (320, 320), (320, 240)]);
        assert_eq!([crop(50, 100), crop(u32::MAX, 1)], [(64, 128), (1600, 32)]);
    }
}
