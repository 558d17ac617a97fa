//! Message text as a small tree: remote HTML is parsed and sanitised by ruma-html, plain text is split and its links found.

mod block;
mod inline;
mod plain;

use ruma::{
    OwnedUserId, UserId,
    events::{
        Mentions,
        room::message::{FormattedBody, MessageFormat},
    },
    html::{Html, SanitizerConfig},
};

use crate::view::TextBlock;

/// Deeper nesting than this is flattened into text; a page of real writing needs six.
const MAX_DEPTH: u32 = 24;
/// Blocks and inline runs of one message; what is beyond is cut.
const MAX_NODES: u32 = 4000;

/// Who reads, and who was mentioned on purpose.
pub(crate) struct Reader<'a> {
    pub me: &'a UserId,
    pub mentions: Option<&'a Mentions>,
}

impl Reader<'_> {
    fn is_me(&self, user_id: &OwnedUserId) -> bool {
        user_id == self.me
    }

    fn mentions_room(&self) -> bool {
        self.mentions.is_some_and(|mentions| mentions.room)
    }
}

/// Counts what was made, so that hostile markup ends somewhere.
struct Budget {
    nodes: u32,
}

impl Budget {
    fn spend(&mut self) -> bool {
        self.nodes = self.nodes.saturating_sub(1);
        self.nodes > 0
    }
}

/// The blocks of a message: of its HTML where it has some, else of its text.
pub(crate) fn blocks(body: &str, formatted: Option<&FormattedBody>, reader: &Reader<'_>) -> Vec<TextBlock> {
    let mut budget = Budget { nodes: MAX_NODES };
    match formatted {
        Some(formatted) if formatted.format == MessageFormat::Html && !nested_too_deep(&formatted.body) => {
            let html = Html::parse(&formatted.body);
            html.sanitize_with(&SanitizerConfig::compat().remove_reply_fallback().max_depth(MAX_DEPTH));
            let blocks = block::blocks(html.children(), reader, &mut budget);
            if blocks.is_empty() { plain::blocks(body, reader, &mut budget) } else { blocks }
        }
        _ => plain::blocks(body, reader, &mut budget),
    }
}

/// Whether so many tags open that a parser which frees its tree by recursion could run out of stack.
fn nested_too_deep(html: &str) -> bool {
    html.bytes().filter(|byte| *byte == b'<').count() > MAX_NODES as usize
}

#[cfg(test)]
mod tests;
