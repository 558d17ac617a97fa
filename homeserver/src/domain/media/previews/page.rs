//! What a page says of itself, read token by token: OpenGraph, and what stands in for it.

use std::{cell::RefCell, collections::BTreeMap};

use html5ever::{
    TokenizerResult,
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts, states::RawKind,
    },
};
use serde_json::{Map, Value};

/// Properties of a page that are taken, and the characters of each.
const PROPERTIES: usize = 50;
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 2000;
/// Characters of a description that is made of the page's text.
const EXCERPT: usize = 300;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// By name: `og:title`, `twitter:image`, `description`.
    meta: BTreeMap<String, String>,
    title: String,
    heading: String,
    text: String,
    /// `<link rel="image_src">`.
    linked_picture: Option<String>,
    first_picture: Option<String>,
    inside: Vec<Inside>,
}

/// Elements whose text is read, or passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Title,
    Heading,
    Paragraph,
    Hidden,
}

/// Reads a page; whatever it holds, the result is bounded.
pub(super) fn read(html: &str) -> Page {
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(html));
    let tokenizer = Tokenizer::new(Reader(RefCell::default()), TokenizerOpts::default());
    while !queue.is_empty() {
        if matches!(tokenizer.feed(&queue), TokenizerResult::Done) {
            break;
        }
    }
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

impl Page {
    /// All that is told but for the picture, whose place is taken by our own copy.
    pub(super) fn properties(&self) -> Map<String, Value> {
        let mut properties: Map<String, Value> = self
            .meta
            .iter()
            .filter(|(name, _)| name.starts_with("og:") && !name.starts_with("og:image"))
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let title = self.first_of(&["twitter:title"], &[&self.title, &self.heading]);
        let description = self.first_of(&["twitter:description", "description"], &[&self.text]);
        for (name, value) in [("og:title", title), ("og:description", description)] {
            if let Some(value) = value
                && !properties.contains_key(name)
            {
                properties.insert(name.to_owned(), value.into());
            }
        }
        properties
    }

    /// Where the page's picture is, perhaps relative to the page.
    pub(super) fn picture(&self) -> Option<String> {
        let named = ["og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"];
        let named = named.iter().find_map(|name| self.meta.get(*name)).filter(|value| !value.is_empty());
        let picture = named.or(self.linked_picture.as_ref()).or(self.first_picture.as_ref())?;
        (!picture.starts_with("data:")).then(|| picture.clone())
    }

    fn first_of(&self, names: &[&str], texts: &[&str]) -> Option<String> {
        let named = names.iter().filter_map(|name| self.meta.get(*name).map(String::as_str));
        let found = named.chain(texts.iter().copied()).map(one_line).find(|text| !text.is_empty())?;
        Some(shortened(&found, EXCERPT))
    }

    fn open(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let attribute = |name: &str| {
            tag.attrs.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| attribute.value.trim())
        };
        match &*tag.name {
            "meta" => {
                if let (Some(name), Some(content)) = (attribute("property").or(attribute("name")), attribute("content"))
                    && name.len() <= LONGEST_NAME
                    && self.meta.len() < PROPERTIES
                {
                    // The first one counts: pages name several pictures.
                    self.meta.entry(name.to_ascii_lowercase()).or_insert_with(|| shortened(content, LONGEST_VALUE));
                }
            }
            "link" if attribute("rel").is_some_and(|rel| rel.eq_ignore_ascii_case("image_src")) => {
                self.linked_picture = attribute("href").map(|href| shortened(href, LONGEST_VALUE));
            }
            "img" if self.first_picture.is_none() => {
                let source = attribute("src").filter(|src| !src.is_empty() && !src.starts_with("data:"));
                self.first_picture = source.map(|src| shortened(src, LONGEST_VALUE));
            }
            "title" if self.title.is_empty() => {
                self.inside.push(Inside::Title);
                return TokenSinkResult::RawData(RawKind::Rcdata);
            }
            "title" | "textarea" => {
                self.inside.push(Inside::Hidden);
                return TokenSinkResult::RawData(RawKind::Rcdata);
            }
            "script" => {
                self.inside.push(Inside::Hidden);
                return TokenSinkResult::RawData(RawKind::ScriptData);
            }
            "style" | "noscript" | "iframe" | "noframes" | "xmp" | "noembed" => {
                self.inside.push(Inside::Hidden);
                return TokenSinkResult::RawData(RawKind::Rawtext);
            }
            "h1" if self.heading.is_empty() && self.inside.is_empty() => self.inside.push(Inside::Heading),
            "p" if self.text.len() < EXCERPT && self.inside.is_empty() => self.inside.push(Inside::Paragraph),
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn close(&mut self, tag: &Tag) {
        let closes = match &*tag.name {
            "title" => matches!(self.inside.last(), Some(Inside::Title | Inside::Hidden)),
            "h1" => self.inside.last() == Some(&Inside::Heading),
            "p" => self.inside.last() == Some(&Inside::Paragraph),
            "textarea" | "script" | "style" | "noscript" | "iframe" | "noframes" | "xmp" | "noembed" => {
                self.inside.last() == Some(&Inside::Hidden)
            }
            // A paragraph or a heading whose end is missing ends with what it stands in.
            "div" | "article" | "section" | "body" | "main" => {
                matches!(self.inside.last(), Some(Inside::Heading | Inside::Paragraph))
            }
            _ => false,
        };
        if closes && self.inside.pop() == Some(Inside::Paragraph) {
            self.text.push(' ');
        }
    }

    fn say(&mut self, text: &str) {
        let place = match self.inside.last() {
            Some(Inside::Title) => &mut self.title,
            Some(Inside::Heading) => &mut self.heading,
            Some(Inside::Paragraph) => &mut self.text,
            Some(Inside::Hidden) | None => return,
        };
        if place.len() < LONGEST_VALUE {
            place.push_str(&shortened(text, LONGEST_VALUE));
        }
    }
}

struct Reader(RefCell<Page>);

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return page.open(&tag),
            Token::TagToken(tag) => page.close(&tag),
            Token::CharacterTokens(text) => page.say(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// Without line breaks and runs of spaces.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn open_graph_is_taken_as_it_is_but_for_the_picture() {
        let page = read(
            "<html><head><meta property='og:title' content='A &amp; B'><meta property=\"og:image\" content='/a.png'>
             <meta property='og:image:width' content='9'><meta property='og:type' content='website'>
             <script>'<meta property=\"og:title\" content=\"no\">'</script><title>Other</title></head>",
        );
        let told = json!({ "og:title": "A & B", "og:type": "website" });
        assert_eq!(serde_json::Value::Object(page.properties()), told);
        assert_eq!(page.picture().as_deref(), Some("/a.png"));
    }

    #[test]
    fn a_page_without_open_graph_has_its_title_its_text_and_its_first_picture() {
        let page = read(
            "<title>\n Tea &lt;and&gt;\n cake </title><style>p { }</style><h1>Head</h1><img src='data:x'><img src='b.gif'>
             <p>First <b>words</b>.</p><div>passed over</div><p>More.<textarea><p>no</textarea></p>",
        );
        let told = json!({ "og:title": "Tea <and> cake", "og:description": "First words. More." });
        assert_eq!(serde_json::Value::Object(page.properties()), told);
        assert_eq!(page.picture().as_deref(), Some("b.gif"));
    }

    #[test]
    fn a_hostile_page_costs_little() {
        let many: String =
            (0..10_000).map(|n| format!("<meta property='og:{n}' content='{}'>", "x".repeat(90))).collect();
        assert!(read(&many).properties().len() <= super::PROPERTIES);
        let long = format!("<title>{}", "é".repeat(100_000));
        assert!(read(&long).properties()["og:title"].as_str().unwrap().chars().count() <= super::EXCERPT + 1);
        let deep = "<p><h1><title><script>".repeat(10_000);
        assert!(read(&deep).picture().is_none());
    }
}
