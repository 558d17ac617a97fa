//! Files to send: pictures get their size, a blurhash and a thumbnail.

use std::{io::Cursor, path::PathBuf, time::Duration};

use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use matrix_sdk::attachment::{AttachmentInfo, BaseAudioInfo, BaseFileInfo, BaseImageInfo, BaseVideoInfo, Thumbnail};
use matrix_sdk_ui::timeline::{AttachmentConfig, AttachmentSource};
use mime::Mime;
use ruma::UInt;

use crate::{ClientError, Result, Session, composer, ids};

/// Pictures beyond this are sent as they are, without a thumbnail.
const MAX_SIDE: u32 = 16_384;
const MAX_DECODED: u64 = 256 * 1024 * 1024;
const THUMBNAIL: (u32, u32) = (800, 600);

/// A file of this machine, and what it is.
pub struct AttachmentFile {
    pub path: PathBuf,
    pub name: String,
    pub mime: String,
    pub caption: Option<String>,
    pub reply_to: Option<String>,
}

/// A voice message: Ogg Opus.
pub struct VoiceMessage {
    pub file: Vec<u8>,
    pub duration: Duration,
    /// From 0 to 1.
    pub waveform: Vec<f32>,
    pub reply_to: Option<String>,
}

/// What clients that know no voice messages call the file.
const VOICE_NAME: &str = "Voice message.ogg";

impl Session {
    /// Puts a voice message into the queue, as [`Self::send_attachment`] does a file.
    pub async fn send_voice(&self, room_id: &str, voice: VoiceMessage) -> Result<()> {
        let open = self.open_timeline(room_id).await?;
        let mime: Mime = "audio/ogg".parse().map_err(ClientError::other)?;
        let info = BaseAudioInfo {
            duration: Some(voice.duration),
            size: UInt::new(voice.file.len() as u64),
            waveform: Some(voice.waveform),
        };
        let config = AttachmentConfig {
            info: Some(AttachmentInfo::Voice(info)),
            in_reply_to: voice.reply_to.as_deref().map(ids::event_id).transpose()?,
            ..AttachmentConfig::default()
        };
        let source = AttachmentSource::Data { bytes: voice.file, filename: VOICE_NAME.to_owned() };
        Ok(open.timeline.send_attachment(source, mime, config).use_send_queue().await?)
    }

    /// Puts a file into the queue; it stands in the timeline when this returns and is uploaded after.
    pub async fn send_attachment(&self, room_id: &str, file: AttachmentFile) -> Result<()> {
        let size = tokio::fs::metadata(&file.path).await?.len();
        let limit = self.client().load_or_fetch_max_upload_size().await.map_or(u64::MAX, u64::from);
        if size > limit {
            return Err(ClientError::TooLarge { limit });
        }
        let open = self.open_timeline(room_id).await?;
        let mime: Mime = file.mime.parse().unwrap_or(mime::APPLICATION_OCTET_STREAM);
        let bytes = tokio::fs::read(&file.path).await?;
        let kind = mime.clone();
        let (bytes, info, thumbnail) = tokio::task::spawn_blocking(move || {
            let (info, thumbnail) = describe(&bytes, &kind);
            (bytes, info, thumbnail)
        })
        .await
        .map_err(ClientError::other)?;
        let config = AttachmentConfig {
            txn_id: None,
            info: Some(info),
            thumbnail,
            caption: file.caption.as_deref().filter(|caption| !caption.trim().is_empty()).map(composer::caption),
            mentions: None,
            in_reply_to: file.reply_to.as_deref().map(ids::event_id).transpose()?,
        };
        let source = AttachmentSource::Data { bytes, filename: file_name(&file.name) };
        Ok(open.timeline.send_attachment(source, mime, config).use_send_queue().await?)
    }
}

/// The last part of a name, without what no file system likes.
fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    if clean.trim().is_empty() { "file".to_owned() } else { clean }
}

fn describe(bytes: &[u8], mime: &Mime) -> (AttachmentInfo, Option<Thumbnail>) {
    let size = UInt::new(bytes.len() as u64);
    if mime.type_() == mime::IMAGE {
        if let Some(picture) = decode(bytes) {
            return picture_info(&picture, size);
        }
        return (AttachmentInfo::Image(BaseImageInfo { size, ..BaseImageInfo::default() }), None);
    }
    let info = if mime.type_() == mime::VIDEO {
        AttachmentInfo::Video(BaseVideoInfo { size, ..BaseVideoInfo::default() })
    } else if mime.type_() == mime::AUDIO {
        AttachmentInfo::Audio(BaseAudioInfo { size, ..BaseAudioInfo::default() })
    } else {
        AttachmentInfo::File(BaseFileInfo { size })
    };
    (info, None)
}

fn decode(bytes: &[u8]) -> Option<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    reader.decode().ok()
}

fn picture_info(picture: &DynamicImage, size: Option<UInt>) -> (AttachmentInfo, Option<Thumbnail>) {
    let tiny = picture.thumbnail(32, 32).to_rgba8();
    let blurhash = blurhash::encode(4, 3, tiny.width(), tiny.height(), tiny.as_raw()).ok();
    let info = AttachmentInfo::Image(BaseImageInfo {
        width: Some(picture.width().into()),
        height: Some(picture.height().into()),
        size,
        blurhash,
        is_animated: None,
    });
    (info, thumbnail(picture))
}

/// A smaller picture, where the picture is larger than one.
fn thumbnail(picture: &DynamicImage) -> Option<Thumbnail> {
    if picture.width() <= THUMBNAIL.0 && picture.height() <= THUMBNAIL.1 {
        return None;
    }
    let small = picture.thumbnail(THUMBNAIL.0, THUMBNAIL.1);
    let mut data = Vec::new();
    let (format, content_type) = if small.color().has_alpha() {
        (ImageFormat::Png, mime::IMAGE_PNG)
    } else {
        (ImageFormat::Jpeg, mime::IMAGE_JPEG)
    };
    small.write_to(&mut Cursor::new(&mut data), format).ok()?;
    let size = UInt::new(data.len() as u64)?;
    Some(Thumbnail { data, content_type, width: small.width().into(), height: small.height().into(), size })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, RgbImage};
    use matrix_sdk::attachment::AttachmentInfo;

    use super::{describe, file_name};

    #[test]
    fn a_large_picture_gets_its_size_a_blurhash_and_a_thumbnail() {
        let mut bytes = Vec::new();
        DynamicImage::ImageRgb8(RgbImage::new(1600, 400))
            .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
            .unwrap();
        let (info, thumbnail) = describe(&bytes, &mime::IMAGE_PNG);
        let AttachmentInfo::Image(info) = info else { panic!("not a picture") };
        assert_eq!((info.width.map(u64::from), info.height.map(u64::from)), (Some(1600), Some(400)));
        assert!(info.blurhash.is_some());
        let thumbnail = thumbnail.unwrap();
        assert_eq!((u64::from(thumbnail.width), u64::from(thumbnail.height)), (800, 200));
    }

    #[test]
    fn what_is_no_picture_is_still_sent() {
        let (info, thumbnail) = describe(b"not a picture", &mime::IMAGE_PNG);
        assert!(matches!(info, AttachmentInfo::Image(info) if info.width.is_none()) && thumbnail.is_none());
    }

    #[test]
    fn names_lose_their_folders() {
        assert_eq!(file_name("../../etc/pass\nwd"), "passwd");
        assert_eq!(file_name("C:\\x\\"), "file");
    }
}
