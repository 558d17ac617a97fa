//! Blocks: paragraphs, headings, quotes, code, lists, rules.

use ruma::html::{Children, ElementData, NodeData, NodeRef};

use super::{Budget, Reader, inline, plain};
use crate::view::{Inline, TextBlock};

/// Turns sibling nodes into blocks; runs of inline nodes between blocks become paragraphs.
pub(super) fn blocks(nodes: Children, reader: &Reader<'_>, budget: &mut Budget) -> Vec<TextBlock> {
    let mut out = Vec::new();
    let mut run: Vec<Inline> = Vec::new();
    for node in nodes {
        if !budget.spend() {
            break;
        }
        match block(&node, reader, budget) {
            Some(made) => {
                flush(&mut run, &mut out);
                out.extend(made);
            }
            None => inline::push(&node, reader, budget, &mut run),
        }
    }
    flush(&mut run, &mut out);
    out
}

fn flush(run: &mut Vec<Inline>, out: &mut Vec<TextBlock>) {
    let children = inline::trim(std::mem::take(run));
    if !children.is_empty() {
        out.push(TextBlock::Paragraph { children });
    }
}

/// The blocks that an element makes; `None` when it is not a block.
fn block(node: &NodeRef, reader: &Reader<'_>, budget: &mut Budget) -> Option<Vec<TextBlock>> {
    let element = node.as_element()?;
    let inlines = |budget: &mut Budget| inline::trim(inline::inlines(node.children(), reader, budget));
    Some(match &*element.name.local {
        "p" | "div" | "details" | "summary" | "table" | "thead" | "tbody" | "caption" => {
            blocks(node.children(), reader, budget)
        }
        // A row of a table reads as a line, its cells apart.
        "tr" => vec![TextBlock::Paragraph { children: cells(node, reader, budget) }],
        name @ ("h1" | "h2" | "h3" | "h4" | "h5" | "h6") => {
            let level = name.as_bytes().get(1).map_or(6, |digit| digit - b'0');
            vec![TextBlock::Heading { level, children: inlines(budget) }]
        }
        "blockquote" => vec![TextBlock::Quote { children: blocks(node.children(), reader, budget) }],
        "pre" => vec![code(node)],
        "ul" => vec![list(node, false, 1, reader, budget)],
        "ol" => {
            let start = attribute(element, "start").and_then(|value| value.parse().ok()).unwrap_or(1);
            vec![list(node, true, start, reader, budget)]
        }
        "li" => blocks(node.children(), reader, budget),
        "hr" => vec![TextBlock::Rule],
        _ => return None,
    })
}

fn cells(row: &NodeRef, reader: &Reader<'_>, budget: &mut Budget) -> Vec<Inline> {
    let mut out = Vec::new();
    for cell in row.children().filter(|node| node.as_element().is_some()) {
        if !out.is_empty() {
            out.push(Inline::Text { text: " \u{2502} ".to_owned() });
        }
        out.extend(inline::trim(inline::inlines(cell.children(), reader, budget)));
    }
    out
}

fn list(node: &NodeRef, ordered: bool, start: u32, reader: &Reader<'_>, budget: &mut Budget) -> TextBlock {
    let mut items = Vec::new();
    for item in node.children().filter(|child| child.as_element().is_some()) {
        if !budget.spend() {
            break;
        }
        items.push(blocks(item.children(), reader, budget));
    }
    TextBlock::List { ordered, start, items }
}

fn code(node: &NodeRef) -> TextBlock {
    let language = node.children().find_map(|child| {
        let class = attribute(child.as_element()?, "class")?;
        class
            .split_ascii_whitespace()
            .find_map(|name| name.strip_prefix("language-"))
            .map(|name| name.chars().take(32).collect())
    });
    let mut text = String::new();
    plain::collect(node, &mut text);
    let text = text.strip_suffix('\n').map(str::to_owned).unwrap_or(text);
    TextBlock::Code { language, text }
}

pub(super) fn attribute(element: &ElementData, name: &str) -> Option<String> {
    element
        .attrs
        .borrow()
        .iter()
        .find(|attribute| &*attribute.name.local == name)
        .map(|attribute| attribute.value.to_string())
}

/// Whether a node is text of nothing but white space.
pub(super) fn is_blank(node: &NodeRef) -> bool {
    matches!(node.data(), NodeData::Text(text) if text.borrow().trim().is_empty())
}
