//! A message in one line: for the sidebar, for quotes, for notifications.

use matrix_sdk_ui::timeline::{MsgLikeKind, TimelineItemContent};
use ruma::events::room::message::MessageType;

const MAX_LINE: usize = 240;

/// The line, or nothing for what needs no line.
pub(crate) fn line(content: &TimelineItemContent) -> Option<String> {
    let text = match content {
        TimelineItemContent::MsgLike(like) => match &like.kind {
            MsgLikeKind::Message(message) => of_message(message.msgtype()),
            MsgLikeKind::Sticker(sticker) => sticker.content().body.clone(),
            MsgLikeKind::Poll(poll) => poll.results().question,
            MsgLikeKind::Redacted => "Message deleted".to_owned(),
            MsgLikeKind::UnableToDecrypt(_) => "Waiting for this message".to_owned(),
            MsgLikeKind::Other(_) => return None,
            MsgLikeKind::LiveLocation(_) => "Live location".to_owned(),
        },
        TimelineItemContent::CallInvite | TimelineItemContent::RtcNotification { .. } => "Call".to_owned(),
        _ => return None,
    };
    Some(one_line(&text))
}

pub(crate) fn of_message(message: &MessageType) -> String {
    let named = |kind: &str, caption: Option<&str>| {
        caption.map_or_else(|| kind.to_owned(), |caption| format!("{kind}: {caption}"))
    };
    match message {
        MessageType::Image(image) => named("Picture", image.caption()),
        MessageType::Video(video) => named("Video", video.caption()),
        MessageType::Audio(audio) if audio.voice.is_some() => "Voice message".to_owned(),
        MessageType::Audio(audio) => named("Sound", audio.caption()),
        MessageType::File(file) => format!("File: {}", file.filename()),
        MessageType::Location(_) => "Location".to_owned(),
        other => other.body().to_owned(),
    }
}

/// White space run together, cut at a length.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.chars().count() > MAX_LINE {
            let cut: String = out.chars().take(MAX_LINE).collect();
            return format!("{cut}…");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINE, one_line};

    #[test]
    fn lines_are_joined_and_cut() {
        assert_eq!(one_line("  a\n b\t c "), "a b c");
        assert_eq!(one_line(&"x".repeat(5000)).chars().count(), MAX_LINE + 1);
    }
}
