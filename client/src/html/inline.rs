//! Inline runs: text, styles, links, mentions, spoilers.

use ruma::{
    MatrixToUri, MatrixUri,
    html::{Children, ElementData, NodeData, NodeRef},
    matrix_uri::MatrixId,
};
use url::Url;

use super::{
    Budget, Reader,
    block::{attribute, is_blank},
    plain,
};
use crate::view::{Inline, TextStyle};

const SCHEMES: [&str; 6] = ["http", "https", "mailto", "magnet", "matrix", "hearth"];

pub(super) fn inlines(nodes: Children, reader: &Reader<'_>, budget: &mut Budget) -> Vec<Inline> {
    let mut out = Vec::new();
    for node in nodes {
        push(&node, reader, budget, &mut out);
    }
    out
}

/// Appends what a node draws to a run.
pub(super) fn push(node: &NodeRef, reader: &Reader<'_>, budget: &mut Budget, out: &mut Vec<Inline>) {
    if !budget.spend() {
        return;
    }
    match node.data() {
        NodeData::Text(text) => {
            // Source line breaks are white space in HTML; a blank run between blocks draws nothing.
            if is_blank(node) && (out.is_empty() || text.borrow().contains('\n')) {
                return;
            }
            let text = text.borrow().replace('\n', " ");
            plain::push_text(&text, reader, false, out);
        }
        NodeData::Element(element) => push_element(node, element, reader, budget, out),
        NodeData::Document | NodeData::Other => {}
    }
}

fn push_element(
    node: &NodeRef,
    element: &ElementData,
    reader: &Reader<'_>,
    budget: &mut Budget,
    out: &mut Vec<Inline>,
) {
    let children = |budget: &mut Budget| inlines(node.children(), reader, budget);
    let style = match &*element.name.local {
        "b" | "strong" => Some(TextStyle::Strong),
        "i" | "em" => Some(TextStyle::Emphasis),
        "u" => Some(TextStyle::Underline),
        "s" | "del" | "strike" => Some(TextStyle::Strike),
        "sup" => Some(TextStyle::Superscript),
        "sub" => Some(TextStyle::Subscript),
        _ => None,
    };
    if let Some(style) = style {
        out.push(Inline::Styled { style, children: children(budget) });
        return;
    }
    match &*element.name.local {
        "br" => out.push(Inline::Break),
        "code" => {
            let mut text = String::new();
            plain::collect(node, &mut text);
            out.push(Inline::Code { text });
        }
        "a" => {
            let children = children(budget);
            match attribute(element, "href").and_then(|href| link(&href, reader, &children)) {
                Some(link) => out.push(link),
                None => out.extend(children),
            }
        }
        "span" => match attribute(element, "data-mx-spoiler") {
            Some(reason) => {
                let reason = Some(reason).filter(|reason| !reason.is_empty());
                out.push(Inline::Spoiler { reason, children: children(budget) });
            }
            None => out.extend(children(budget)),
        },
        // A picture inside text is named, not fetched: its address may be anybody's.
        "img" => {
            if let Some(text) = attribute(element, "alt").filter(|alt| !alt.is_empty()) {
                out.push(Inline::Text { text });
            }
        }
        _ => out.extend(children(budget)),
    }
}

/// A mention for addresses of people and rooms, a link for the allowed schemes, nothing for others.
fn link(href: &str, reader: &Reader<'_>, children: &[Inline]) -> Option<Inline> {
    let id = MatrixToUri::parse(href)
        .map(|uri| (uri.id().clone(), href.contains('$')))
        .or_else(|_| MatrixUri::parse(href).map(|uri| (uri.id().clone(), href.contains("/e/"))));
    match id {
        Ok((MatrixId::User(user_id), _)) => {
            let me = reader.is_me(&user_id);
            let name = text_of(children).trim_start_matches('@').to_owned();
            let name = if name.is_empty() { user_id.localpart().to_owned() } else { name };
            return Some(Inline::Mention { user_id: user_id.to_string(), name, me });
        }
        Ok((MatrixId::Room(room), false)) => {
            return Some(Inline::RoomMention { room: room.to_string(), name: text_of(children) });
        }
        Ok((MatrixId::RoomAlias(alias), false)) => {
            return Some(Inline::RoomMention { room: alias.to_string(), name: text_of(children) });
        }
        _ => {}
    }
    let url = Url::parse(href).ok()?;
    SCHEMES.contains(&url.scheme()).then(|| Inline::Link { href: url.into(), children: children.to_vec() })
}

/// The text of runs, for names.
fn text_of(runs: &[Inline]) -> String {
    let mut out = String::new();
    for run in runs {
        match run {
            Inline::Text { text } | Inline::Code { text } => out.push_str(text),
            Inline::Styled { children, .. } | Inline::Link { children, .. } | Inline::Spoiler { children, .. } => {
                out.push_str(&text_of(children));
            }
            Inline::Mention { name, .. } | Inline::RoomMention { name, .. } => out.push_str(name),
            Inline::EveryoneMention => out.push_str("@room"),
            Inline::Break => out.push(' '),
        }
    }
    out
}

/// Takes white space and breaks off both ends of a run.
pub(super) fn trim(mut run: Vec<Inline>) -> Vec<Inline> {
    let blank = |inline: &Inline| match inline {
        Inline::Break => true,
        Inline::Text { text } => text.trim().is_empty(),
        _ => false,
    };
    while run.last().is_some_and(blank) {
        run.pop();
    }
    let leading = run.iter().take_while(|inline| blank(inline)).count();
    run.drain(..leading);
    if let Some(Inline::Text { text }) = run.first_mut() {
        *text = text.trim_start().to_owned();
    }
    if let Some(Inline::Text { text }) = run.last_mut() {
        *text = text.trim_end().to_owned();
    }
    run
}
