//! Pictures and files: opaque names for the view, bytes for those who ask by such a name.

use std::{num::NonZeroUsize, sync::Mutex, time::Duration};

use base64::Engine;
use lru::LruCache;
use matrix_sdk::{
    Client,
    media::{MediaFormat, MediaRequestParameters, MediaThumbnailSettings},
};
use ruma::{
    MxcUri, OwnedMxcUri, OwnedTransactionId, TransactionId, api::client::media::get_content_thumbnail::v3::Method,
    events::room::MediaSource, uint,
};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use crate::{ClientError, Result};

/// Names that the view has given out and that can still be asked for.
const MAX_KNOWN: usize = 50_000;
/// Files of our own that are being sent, and were lately.
const MAX_UNDERWAY: usize = 256;
/// Where the SDK's send queue says that a file lies which is not uploaded yet.
const UNSENT: &str = "send-queue.localhost";
/// How long the picture of a message may take from its upload's end to its new address.
const MOVING: Duration = Duration::from_secs(10);

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
    /// What the files of a message were called before they were uploaded.
    underway: Mutex<LruCache<(OwnedTransactionId, Part), String>>,
    moved: Notify,
}

/// A message has one file, and may have a small picture of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    File,
    Thumbnail,
}

/// The files of one message.
pub(crate) struct MessageMedia<'a> {
    pub(crate) media: &'a Media,
    /// Of a message that we send.
    pub(crate) transaction: Option<&'a TransactionId>,
}

impl MessageMedia<'_> {
    /// The name of a file: the same for the same source, telling nothing about it.
    pub(crate) fn name(&self, part: Part, source: &MediaSource, mime: Option<&str>) -> String {
        let name = self.media.name(source, mime);
        if let Some(transaction) = self.transaction {
            self.media.follow((transaction.to_owned(), part), &name, source);
        }
        name
    }
}

impl Media {
    pub(crate) fn new(client: Client) -> Self {
        let capacity = |most| NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        Self {
            client,
            known: Mutex::new(LruCache::new(capacity(MAX_KNOWN))),
            underway: Mutex::new(LruCache::new(capacity(MAX_UNDERWAY))),
            moved: Notify::new(),
        }
    }

    fn name(&self, source: &MediaSource, mime: Option<&str>) -> String {
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

    /// A file that is sent moves from the queue to the server: who asks by the old name gets it from there.
    fn follow(&self, file: (OwnedTransactionId, Part), name: &str, source: &MediaSource) {
        let Ok(mut underway) = self.underway.lock() else { return };
        if unsent(source) {
            underway.put(file, name.to_owned());
        } else if let Some(old) = underway.pop(&file)
            && let Ok(mut known) = self.known.lock()
            && let Some(known) = known.get_mut(&old)
        {
            known.source = source.clone();
            self.moved.notify_waiters();
        }
    }

    /// The bytes behind a name of the view, or behind an `mxc://` address; `small` asks for a square thumbnail.
    pub async fn fetch(&self, name: &str, small: bool) -> Result<MediaBytes> {
        let Some(known) = self.known(name) else {
            let source = MediaSource::Plain(mxc(name)?);
            return self.bytes(&Known { source, mime: None }, small).await;
        };
        match self.bytes(&known, false).await {
            Err(error) if unsent(&known.source) => {
                let known = tokio::time::timeout(MOVING, self.moved_to(name)).await.ok().flatten().ok_or(error)?;
                self.bytes(&known, false).await
            }
            answer => answer,
        }
    }

    async fn moved_to(&self, name: &str) -> Option<Known> {
        loop {
            let moved = self.moved.notified();
            let known = self.known(name)?;
            if !unsent(&known.source) {
                return Some(known);
            }
            moved.await;
        }
    }

    fn known(&self, name: &str) -> Option<Known> {
        self.known.lock().ok()?.get(name).cloned()
    }

    async fn bytes(&self, known: &Known, small: bool) -> Result<MediaBytes> {
        let thumbnail =
            MediaFormat::Thumbnail(MediaThumbnailSettings::with_method(Method::Crop, uint!(128), uint!(128)));
        let format = if small { thumbnail } else { MediaFormat::File };
        let request = MediaRequestParameters { source: known.source.clone(), format };
        let bytes = self.client.media().get_media_content(&request, true).await?;
        let mime = showable(known.mime.as_deref(), &bytes);
        Ok(MediaBytes { bytes, mime })
    }
}

fn unsent(source: &MediaSource) -> bool {
    let uri = match source {
        MediaSource::Plain(uri) => uri,
        MediaSource::Encrypted(file) => &file.url,
    };
    uri.server_name().is_ok_and(|server| server == UNSENT)
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
    use matrix_sdk::Client;
    use ruma::{OwnedMxcUri, events::room::MediaSource};

    use super::{Media, MessageMedia, Part, mxc, showable, unsent};

    #[tokio::test]
    async fn a_file_that_was_sent_is_found_by_the_name_it_had_before() {
        let client = Client::builder().homeserver_url("http://127.0.0.1:9").build().await.unwrap();
        let media = Media::new(client);
        let at = |uri: &str| MediaSource::Plain(OwnedMxcUri::from(uri));
        let message = MessageMedia { media: &media, transaction: Some("txn".into()) };
        let file = message.name(Part::File, &at("mxc://send-queue.localhost/file"), None);
        let thumbnail = message.name(Part::Thumbnail, &at("mxc://send-queue.localhost/small"), None);
        let uploaded = async { message.name(Part::File, &at("mxc://example.org/file"), None) };
        let (known, new_name) = tokio::join!(media.moved_to(&file), uploaded);
        assert!(matches!(known.unwrap().source, MediaSource::Plain(uri) if uri == "mxc://example.org/file"));
        assert_ne!(new_name, file);
        assert!(unsent(&media.known(&thumbnail).unwrap().source));
    }

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
