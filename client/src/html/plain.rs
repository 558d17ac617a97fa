//! Plain text: lines become breaks, empty lines paragraphs, addresses links.

use ruma::html::{NodeData, NodeRef};
use url::Url;

use super::{Budget, Reader, inline};
use crate::view::{Inline, TextBlock};

pub(super) fn blocks(text: &str, reader: &Reader<'_>, budget: &mut Budget) -> Vec<TextBlock> {
    let mut out = Vec::new();
    let mut run = Vec::new();
    for line in text.lines() {
        if !budget.spend() {
            break;
        }
        if line.trim().is_empty() {
            close(&mut run, &mut out);
            continue;
        }
        if !run.is_empty() {
            run.push(Inline::Break);
        }
        push_text(line, reader, true, &mut run);
    }
    close(&mut run, &mut out);
    out
}

fn close(run: &mut Vec<Inline>, out: &mut Vec<TextBlock>) {
    let children = inline::trim(std::mem::take(run));
    if !children.is_empty() {
        out.push(TextBlock::Paragraph { children });
    }
}

/// Appends text, with `@room` and (in plain text) web addresses set apart.
pub(super) fn push_text(text: &str, reader: &Reader<'_>, links: bool, out: &mut Vec<Inline>) {
    let mut rest = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let core = bare.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '"', '\'']);
        let special = if links && (core.starts_with("https://") || core.starts_with("http://")) {
            Url::parse(core)
                .ok()
                .filter(|url| url.host().is_some())
                .map(|url| Inline::Link { href: url.into(), children: vec![Inline::Text { text: core.to_owned() }] })
        } else if core == "@room" && reader.mentions_room() {
            Some(Inline::EveryoneMention)
        } else {
            None
        };
        match special {
            Some(special) => {
                push_plain(&mut rest, out);
                out.push(special);
                rest.push_str(word.strip_prefix(core).unwrap_or_default());
            }
            None => rest.push_str(word),
        }
    }
    push_plain(&mut rest, out);
}

fn push_plain(text: &mut String, out: &mut Vec<Inline>) {
    if !text.is_empty() {
        out.push(Inline::Text { text: std::mem::take(text) });
    }
}

/// The text inside a node, breaks as line ends. The tree is no deeper than the sanitiser allows.
pub(super) fn collect(node: &NodeRef, out: &mut String) {
    for child in node.children() {
        match child.data() {
            NodeData::Text(text) => out.push_str(&text.borrow()),
            NodeData::Element(element) if &*element.name.local == "br" => out.push('\n'),
            _ => collect(&child, out),
        }
    }
}
