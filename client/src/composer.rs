//! What the person typed, as Matrix events say it: Markdown to HTML, `/me`, mentions.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};
use ruma::{
    OwnedUserId, UserId,
    events::{
        Mentions,
        room::message::{MessageType, RoomMessageEventContentWithoutRelation},
    },
};

use crate::{ClientError, Result, view::MessageDraft};

/// An event holds 65,536 bytes; text, its HTML and the envelope must fit.
const MAX_TEXT: usize = 24_000;

/// The content of a message: text or emote, formatted when the Markdown says something that plain text does not.
pub(crate) fn content(draft: &MessageDraft) -> Result<RoomMessageEventContentWithoutRelation> {
    if draft.body.trim().is_empty() {
        return Err(ClientError::Invalid("there is nothing to send"));
    }
    if draft.body.len() > MAX_TEXT {
        return Err(ClientError::TooLarge { limit: MAX_TEXT as u64 });
    }
    let (emote, body) = match draft.body.strip_prefix("/me ") {
        Some(rest) => (true, rest),
        None => (false, draft.body.as_str()),
    };
    let (plain, html) = render(body);
    let content = match (emote, html) {
        (false, Some(html)) => RoomMessageEventContentWithoutRelation::text_html(plain, html),
        (false, None) => RoomMessageEventContentWithoutRelation::text_plain(plain),
        (true, Some(html)) => RoomMessageEventContentWithoutRelation::emote_html(plain, html),
        (true, None) => RoomMessageEventContentWithoutRelation::emote_plain(plain),
    };
    Ok(content.add_mentions(mentions(draft)))
}

/// The formatted body of a caption, under the same rules.
pub(crate) fn caption(text: &str) -> ruma::events::room::message::TextMessageEventContent {
    let (plain, html) = render(text);
    match RoomMessageEventContentWithoutRelation::text_html(plain.clone(), html.clone().unwrap_or_default()).msgtype {
        MessageType::Text(text) if html.is_some() => text,
        _ => ruma::events::room::message::TextMessageEventContent::plain(plain),
    }
}

fn mentions(draft: &MessageDraft) -> Mentions {
    let users = draft.mentions.iter().take(100).filter_map(|id| UserId::parse(id).ok());
    let mut mentions = Mentions::with_user_ids(users.collect::<Vec<OwnedUserId>>());
    mentions.room = draft.body.split_whitespace().any(|word| word == "@room");
    mentions
}

/// Plain text and, where it differs, HTML. Markup that the person typed is text, not HTML.
fn render(markdown: &str) -> (String, Option<String>) {
    let parser = Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH);
    let mut formatted = false;
    let mut person_link = false;
    let mut plain = markdown.to_owned();
    let events: Vec<Event<'_>> = parser
        .map(|event| match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::SoftBreak => Event::HardBreak,
            other => other,
        })
        .inspect(|event| {
            formatted |= !matches!(
                event,
                Event::Text(_) | Event::HardBreak | Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph)
            );
            if let Event::Start(Tag::Link { dest_url, .. }) = event
                && dest_url.starts_with("https://matrix.to/#/@")
            {
                person_link = true;
                plain = without_link_targets(&plain, dest_url);
            }
        })
        .collect();
    if !formatted {
        return (plain, None);
    }
    let mut out = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut out, events.into_iter());
    let out = out.trim_end();
    // One paragraph needs no <p>.
    let html = match out.strip_prefix("<p>").and_then(|rest| rest.strip_suffix("</p>")) {
        Some(inner) if !inner.contains("<p>") => inner.to_owned(),
        _ => out.to_owned(),
    };
    (plain, Some(html))
}

/// `[Bob](https://matrix.to/#/@bob:…)` reads as `Bob` where HTML is not shown.
fn without_link_targets(text: &str, target: &str) -> String {
    let tail = format!("]({target})");
    let mut out = text.to_owned();
    while let Some(end) = out.find(&tail) {
        let Some(start) = out.get(..end).and_then(|head| head.rfind('[')) else { break };
        let name = out.get(start + 1..end).unwrap_or_default().to_owned();
        out.replace_range(start..end + tail.len(), &name);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{MessageDraft, content, render};

    fn draft(body: &str) -> MessageDraft {
        MessageDraft {
            body: body.to_owned(),
            reply_to: None,
            mentions: vec!["@bob:example.org".to_owned(), "nonsense".to_owned()],
        }
    }

    #[test]
    fn plain_text_stays_plain() {
        assert_eq!(render("hello\nworld & <b>you</b>"), ("hello\nworld & <b>you</b>".to_owned(), None));
    }

    #[test]
    fn markdown_becomes_html_and_typed_markup_is_text() {
        let (plain, html) = render("**bold** <i>x</i>");
        assert_eq!(plain, "**bold** <i>x</i>");
        assert_eq!(html.unwrap(), "<strong>bold</strong> &lt;i&gt;x&lt;/i&gt;");
    }

    #[test]
    fn a_mention_reads_as_a_name() {
        let (plain, html) = render("hi [Bob](https://matrix.to/#/@bob:example.org)");
        assert_eq!(plain, "hi Bob");
        assert_eq!(html.unwrap(), "hi <a href=\"https://matrix.to/#/@bob:example.org\">Bob</a>");
    }

    #[test]
    fn emotes_mentions_and_limits() {
        let made = content(&draft("/me waves @room")).unwrap();
        let json = serde_json::to_value(&made).unwrap();
        assert_eq!(json["msgtype"], "m.emote");
        assert_eq!(json["body"], "waves @room");
        assert_eq!(json["m.mentions"], serde_json::json!({"user_ids": ["@bob:example.org"], "room": true}));
        assert!(content(&draft("  \n")).is_err());
        assert!(content(&draft(&"x".repeat(30_000))).is_err());
    }
}
