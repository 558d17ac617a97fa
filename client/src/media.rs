//! Pictures and files: opaque names for the view, bytes for those who ask by such a name.

use std::{num::NonZeroUsize, sync::Mutex};

use base64::Engine;
use lru::LruCache;
use matrix_sdk::{
    Client,
    media::{MediaFormat, MediaRequestParameters, MediaThumbnailSettings},
};
use ruma::{
    MxcUri, OwnedMxcUri, api::client::media::get_content_thumbnail::v3::Method, events::room::MediaSource, uint,
};
use sha2::{Digest, Sha256};

use crate::{ClientError, Result};

/// Names that the view has given out and that can still be asked for.
const MAX_KNOWN: usize = 50_000;

/// Decrypted bytes and what they are.
#[derive(Clone)]
pub struct MediaBytes {
    pub bytes: Vec<u8>,
    /// One of the kinds that a page may show, or `application/octet-stream`.
    pub mime: String,
}

#[derive(Clone)]
struct Known {
    source: MediaSource,
    mime: Option<String>,
}

/// What the rooms' pictures and files are called, and how they are fetched.
pub struct Media {
    client: Client,
    known: Mutex<LruCache<String, Known>>,
}

impl Media {
    pub(crate) fn new(client: Client) -> Self {
        let capacity = NonZeroUsize::new(MAX_KNOWN).unwrap_or(NonZeroUsize::MIN);
        Self { client, known: Mutex::new(LruCache::new(capacity)) }
    }

    /// The name of a file: the same for the same source, telling nothing about it.
    pub(crate) fn name(&self, source: &MediaSource, mime: Option<&str>) -> String {
        let described = match source {
            MediaSource::Plain(uri) => uri.to_string(),
            MediaSource::Encrypted(file) => serde_json::to_string(file).unwrap_or_else(|_| file.url.to_string()),
        };
        let digest = Sha256::digest(described.as_bytes());
        let name = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.get(..18).unwrap_or(&digest));
        if let Ok(mut known) = self.known.lock() {
            known.get_or_insert(name.clone(), || Known { source: source.clone(), mime: mime.map(str::to_owned) });
        }
        name
    }

    /// The bytes behind a name of the view, or behind an `mxc://` address; `small` asks for a square thumbnail.
    pub async fn fetch(&self, name: &str, small: bool) -> Result<MediaBytes> {
        let (known, small) = match self.known.lock().ok().and_then(|mut known| known.get(name).cloned()) {
            Some(known) => (known, false),
            None => (Known { source: MediaSource::Plain(mxc(name)?), mime: None }, small),
        };
        let thumbnail =
            MediaFormat::Thumbnail(MediaThumbnailSettings::with_method(Method::Crop, uint!(128), uint!(128)));
        let format = if small { thumbnail } else { MediaFormat::File };
        let request = MediaRequestParameters { source: known.source, format };
        let bytes = self.client.media().get_media_content(&request, true).await?;
        let mime = showable(known.mime.as_deref(), &bytes);
        Ok(MediaBytes { bytes, mime })
    }
}

fn mxc(name: &str) -> Result<OwnedMxcUri> {
    let uri = <&MxcUri>::from(name);
    if uri.is_valid() { Ok(uri.to_owned()) } else { Err(ClientError::NotFound("the picture or file")) }
}

/// Pictures say themselves what they are; sound and video are believed; everything else is only a download.
fn showable(claimed: Option<&str>, bytes: &[u8]) -> String {
    if let Ok(format) = image::guess_format(bytes) {
        let mime = format.to_mime_type();
        if matches!(mime, "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif") {
            return mime.to_owned();
        }
    }
    let claimed = claimed.and_then(|claimed| claimed.parse::<mime::Mime>().ok());
    match claimed {
        Some(mime) if mime.type_() == mime::VIDEO || mime.type_() == mime::AUDIO => mime.essence_str().to_owned(),
        Some(mime) if mime == mime::TEXT_PLAIN => "text/plain".to_owned(),
        _ => "application/octet-stream".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{mxc, showable};

    #[test]
    fn only_harmless_kinds_are_named() {
        let png = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0];
        assert_eq!(showable(Some("text/html"), &png), "image/png");
        assert_eq!(showable(Some("text/html"), b"<script>"), "application/octet-stream");
        assert_eq!(showable(Some("image/svg+xml"), b"<svg/>"), "application/octet-stream");
        assert_eq!(showable(Some("video/mp4; codecs=x"), b"...."), "video/mp4");
    }

    #[test]
    fn only_whole_mxc_addresses_are_fetched() {
        assert!(mxc("mxc://example.org/abc").is_ok());
        for bad in ["", "abc", "https://example.org/x", "mxc://example.org", "mxc://example.org/a/b"] {
            assert!(mxc(bad).is_err(), "{bad}");
        }
    }
}
