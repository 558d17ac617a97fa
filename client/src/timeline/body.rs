//! What a message says, ready to be drawn.

use matrix_sdk_ui::timeline::{MsgLikeKind, TimelineItemContent};
use ruma::{
    UInt, UserId,
    events::{
        Mentions,
        room::{
            ImageInfo, MediaSource,
            message::{AudioMessageEventContent, FormattedBody, MessageType},
        },
    },
};

use super::undecryptable;
use crate::{
    html::{self, Reader},
    media::{MessageMedia, Part},
    view::{FileInfo, MessageBody, PictureInfo, VoiceInfo},
};

/// Steps in the picture of a voice message.
const STEPS: usize = 100;

pub(super) fn of(content: &TimelineItemContent, me: &UserId, media: &MessageMedia<'_>) -> MessageBody {
    let TimelineItemContent::MsgLike(like) = content else {
        return MessageBody::Unknown { event_type: content.event_type_str().unwrap_or_default(), body: None };
    };
    match &like.kind {
        MsgLikeKind::Message(message) => message_type(message.msgtype(), message.mentions(), me, media),
        MsgLikeKind::Sticker(sticker) => {
            let content = sticker.content();
            let source = MediaSource::from(content.source.clone());
            MessageBody::Sticker(picture(media, &source, Some(&content.info), &content.body, None))
        }
        MsgLikeKind::Redacted => MessageBody::Redacted,
        MsgLikeKind::UnableToDecrypt(message) => undecryptable::body(message),
        MsgLikeKind::Poll(poll) => MessageBody::Unknown {
            event_type: "m.poll.start".to_owned(),
            body: poll.fallback_text().or_else(|| Some(poll.results().question)),
        },
        MsgLikeKind::Other(other) => MessageBody::Unknown { event_type: other.event_type().to_string(), body: None },
        MsgLikeKind::LiveLocation(_) => MessageBody::Unknown { event_type: "m.beacon_info".to_owned(), body: None },
    }
}

fn message_type(
    message: &MessageType,
    mentions: Option<&Mentions>,
    me: &UserId,
    media: &MessageMedia<'_>,
) -> MessageBody {
    let blocks =
        |body: &str, formatted: Option<&FormattedBody>| html::blocks(body, formatted, &Reader { me, mentions });
    match message {
        MessageType::Text(text) => {
            MessageBody::Text { plain: text.body.clone(), blocks: blocks(&text.body, text.formatted.as_ref()) }
        }
        MessageType::Emote(text) => {
            MessageBody::Emote { plain: text.body.clone(), blocks: blocks(&text.body, text.formatted.as_ref()) }
        }
        MessageType::Notice(text) => {
            MessageBody::Notice { plain: text.body.clone(), blocks: blocks(&text.body, text.formatted.as_ref()) }
        }
        MessageType::Image(image) => MessageBody::Picture(picture(
            media,
            &image.source,
            image.info.as_deref(),
            image.filename(),
            image.caption(),
        )),
        MessageType::Video(video) => {
            let info = video.info.as_deref();
            let mut file = file(
                media,
                &video.source,
                info.and_then(|info| info.mimetype.as_deref()),
                video.filename(),
                video.caption(),
            );
            file.size = number(info.and_then(|info| info.size));
            file.duration = millis(info.and_then(|info| info.duration));
            file.width = side(info.and_then(|info| info.width));
            file.height = side(info.and_then(|info| info.height));
            MessageBody::Video(file)
        }
        MessageType::Audio(audio) if audio.voice.is_some() => MessageBody::Voice(voice(media, audio)),
        MessageType::Audio(audio) => {
            let info = audio.info.as_deref();
            let mut file = file(
                media,
                &audio.source,
                info.and_then(|info| info.mimetype.as_deref()),
                audio.filename(),
                audio.caption(),
            );
            file.size = number(info.and_then(|info| info.size));
            file.duration = millis(info.and_then(|info| info.duration));
            MessageBody::Audio(file)
        }
        MessageType::File(content) => {
            let info = content.info.as_deref();
            let mut file = file(
                media,
                &content.source,
                info.and_then(|info| info.mimetype.as_deref()),
                content.filename(),
                content.caption(),
            );
            file.size = number(info.and_then(|info| info.size));
            MessageBody::File(file)
        }
        MessageType::Location(location) => {
            MessageBody::Location { body: location.body.clone(), geo_uri: location.geo_uri.clone() }
        }
        other => MessageBody::Unknown { event_type: other.msgtype().to_owned(), body: Some(other.body().to_owned()) },
    }
}

fn picture(
    media: &MessageMedia<'_>,
    source: &MediaSource,
    info: Option<&ImageInfo>,
    name: &str,
    caption: Option<&str>,
) -> PictureInfo {
    let mime = info.and_then(|info| info.mimetype.clone());
    let thumbnail = info.and_then(|info| {
        let source = info.thumbnail_source.as_ref()?;
        Some(media.name(
            Part::Thumbnail,
            source,
            info.thumbnail_info.as_ref().and_then(|info| info.mimetype.as_deref()),
        ))
    });
    PictureInfo {
        media: media.name(Part::File, source, mime.as_deref()),
        thumbnail,
        name: name.to_owned(),
        caption: caption.map(str::to_owned),
        width: side(info.and_then(|info| info.width)),
        height: side(info.and_then(|info| info.height)),
        size: number(info.and_then(|info| info.size)),
        mime,
        blurhash: info.and_then(|info| info.blurhash.clone()).filter(|hash| hash.len() <= 200),
    }
}

fn file(
    media: &MessageMedia<'_>,
    source: &MediaSource,
    mime: Option<&str>,
    name: &str,
    caption: Option<&str>,
) -> FileInfo {
    FileInfo {
        media: media.name(Part::File, source, mime),
        name: name.to_owned(),
        caption: caption.map(str::to_owned),
        size: None,
        mime: mime.map(str::to_owned),
        duration: None,
        width: None,
        height: None,
    }
}

fn voice(media: &MessageMedia<'_>, content: &AudioMessageEventContent) -> VoiceInfo {
    let info = content.info.as_deref();
    let mime = info.and_then(|info| info.mimetype.as_deref());
    let details = content.audio.as_ref();
    let duration = details.map(|details| details.duration).or_else(|| info.and_then(|info| info.duration));
    let amplitudes: Vec<u64> =
        details.map(|details| details.waveform.iter().map(|one| one.get().into()).collect()).unwrap_or_default();
    VoiceInfo {
        media: media.name(Part::File, &content.source, mime),
        name: content.filename().to_owned(),
        mime: mime.map(str::to_owned),
        duration: millis(duration),
        waveform: waveform(&amplitudes),
    }
}

/// Apps write a handful or thousands of values, some of them up to 256 and some up to 1,024: at most 100, the loudest of which is
/// 100.
fn waveform(amplitudes: &[u64]) -> Vec<u8> {
    let loudest = amplitudes.iter().copied().max().unwrap_or_default().max(1);
    let steps = amplitudes.len().min(STEPS);
    (0..steps)
        .map(|step| {
            let part = amplitudes.get(step * amplitudes.len() / steps..(step + 1) * amplitudes.len() / steps);
            let peak = part.unwrap_or_default().iter().copied().max().unwrap_or_default();
            u8::try_from(u128::from(peak) * 100 / u128::from(loudest)).unwrap_or(100)
        })
        .collect()
}

fn number(value: Option<UInt>) -> Option<u64> {
    value.map(u64::from)
}

/// A picture's side; senders write anything, and a box of a billion pixels helps nobody.
fn side(value: Option<UInt>) -> Option<u32> {
    value.and_then(|value| u32::try_from(u64::from(value)).ok()).filter(|side| (1..=65_535).contains(side))
}

fn millis(duration: Option<std::time::Duration>) -> Option<u64> {
    duration.and_then(|duration| u64::try_from(duration.as_millis()).ok())
}

#[cfg(test)]
mod tests {
    use super::waveform;

    #[test]
    fn waveforms_of_any_length_and_scale_are_drawn_alike() {
        assert_eq!(waveform(&[]), [0_u8; 0]);
        assert_eq!(waveform(&[0, 0]), [0, 0]);
        assert_eq!(waveform(&[0, 128, 256]), [0, 50, 100]);
        assert_eq!(waveform(&[1024, 512]), [100, 50]);
        let many: Vec<u64> = (0..100_000).collect();
        let drawn = waveform(&many);
        assert_eq!(drawn.len(), 100);
        assert!(drawn.is_sorted() && drawn.last() == Some(&100));
        assert_eq!(waveform(&[u64::MAX, 0]), [100, 0]);
    }
}
