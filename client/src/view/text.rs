//! Formatted text as a small tree: remote HTML is parsed and sanitised here, and drawn by components, never as markup.

use serde::Serialize;
use ts_rs::TS;

/// A block of a message.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "block", rename_all = "snake_case")]
pub enum TextBlock {
    Paragraph {
        children: Vec<Inline>,
    },
    /// `level` is 1 to 6.
    Heading {
        level: u8,
        children: Vec<Inline>,
    },
    Quote {
        children: Vec<TextBlock>,
    },
    /// `language` comes from `class="language-…"`.
    Code {
        language: Option<String>,
        text: String,
    },
    List {
        ordered: bool,
        start: u32,
        items: Vec<Vec<TextBlock>>,
    },
    Rule,
}

/// A run inside a block.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "inline", rename_all = "snake_case")]
pub enum Inline {
    Text {
        text: String,
    },
    Styled {
        style: TextStyle,
        children: Vec<Inline>,
    },
    Code {
        text: String,
    },
    /// `href` has one of the schemes http, https, mailto, magnet, matrix, hearth; nothing else survives.
    Link {
        href: String,
        children: Vec<Inline>,
    },
    /// A person mentioned; `me` when it is the one who reads.
    Mention {
        user_id: String,
        name: String,
        me: bool,
    },
    /// A room mentioned, by id or alias.
    RoomMention {
        room: String,
        name: String,
    },
    /// `@room`.
    EveryoneMention,
    /// Hidden until clicked.
    Spoiler {
        reason: Option<String>,
        children: Vec<Inline>,
    },
    Break,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TextStyle {
    Strong,
    Emphasis,
    Underline,
    Strike,
    Superscript,
    Subscript,
}
