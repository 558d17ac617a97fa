//! Every path that a Rust file names, with `crate`, `self` and `super` resolved, from the compiler's own tokens.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use crate::tree::Source;

/// A path in the source: `crate::domain::rooms` is `["crate", "domain", "rooms"]`.
#[derive(Debug, PartialEq, Eq)]
pub struct NamedPath {
    pub segments: Vec<String>,
    pub line: usize,
    pub glob: bool,
}

impl NamedPath {
    pub fn starts_with(&self, start: &[&str]) -> bool {
        self.segments.len() >= start.len() && self.segments.iter().zip(start).all(|(a, b)| a == b)
    }
}

/// The modules between the crate's root and the code in this file.
pub fn module_of(path: &str) -> Vec<String> {
    let inside = path.split_once("src/").map_or(path, |(_, inside)| inside);
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    if matches!(inside, "lib" | "main") { Vec::new() } else { inside.split('/').map(str::to_owned).collect() }
}

/// All paths of two or more segments, in the order in which they stand.
pub fn paths(file: &Source) -> Result<Vec<NamedPath>> {
    let stream: TokenStream = file.text.parse().map_err(|e| anyhow!("{}: {e}", file.path))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    let mut reader = Reader { tokens, found: Vec::new(), module: module_of(&file.path), inline: Vec::new() };
    reader.read();
    Ok(reader.found)
}

struct Token {
    text: String,
    line: usize,
    ident: bool,
}

fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    let mut after_colon = false;
    for tree in stream {
        let line = tree.span().start().line;
        let mut push = |text: &str, line, ident| out.push(Token { text: text.to_owned(), line, ident });
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                push(open, line, false);
                flatten(group.stream(), out);
                out.push(Token { text: close.to_owned(), line: group.span_close().start().line, ident: false });
                after_colon = false;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' && after_colon => {
                if let Some(last) = out.last_mut() {
                    last.text = "::".to_owned();
                }
                after_colon = false;
            }
            TokenTree::Punct(punct) => {
                after_colon = punct.as_char() == ':' && punct.spacing() == Spacing::Joint;
                push(&punct.as_char().to_string(), line, false);
            }
            TokenTree::Ident(ident) => {
                push(&ident.to_string(), line, true);
                after_colon = false;
            }
            TokenTree::Literal(_) => {
                push("\"\"", line, false);
                after_colon = false;
            }
        }
    }
}

struct Reader {
    tokens: Vec<Token>,
    found: Vec<NamedPath>,
    module: Vec<String>,
    /// Inline modules around the token, with the brace depth at which each one opened.
    inline: Vec<usize>,
}

impl Reader {
    fn read(&mut self) {
        let (mut at, mut depth) = (0, 0);
        while at < self.tokens.len() {
            match self.text(at) {
                "mod" if self.text(at + 2) == "{" => {
                    self.module.push(self.text(at + 1).to_owned());
                    self.inline.push(depth);
                    at += 2;
                    continue;
                }
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if self.inline.last() == Some(&depth) {
                        self.inline.pop();
                        self.module.pop();
                    }
                }
                _ => {}
            }
            let starts_path = self.is_ident(at) && !matches!(self.before(at), "::" | "'" | ".");
            at = if starts_path { self.tree(at, Vec::new()) } else { at + 1 };
        }
    }

    /// Reads a path or a tree of imports; answers where it ends.
    fn tree(&mut self, mut at: usize, mut segments: Vec<String>) -> usize {
        let line = self.tokens.get(at).map_or(0, |t| t.line);
        loop {
            match self.text(at) {
                "{" => {
                    at += 1;
                    while !matches!(self.text(at), "}" | "") {
                        at = if self.text(at) == "," || self.text(at) == "as" {
                            at + 1
                        } else {
                            self.tree(at, segments.clone()).max(at + 1)
                        };
                    }
                    return at + 1;
                }
                "*" => {
                    self.push(segments, line, true);
                    return at + 1;
                }
                _ if self.is_ident(at) => segments.push(self.text(at).to_owned()),
                _ => break,
            }
            at += 1;
            if self.text(at) != "::" {
                break;
            }
            at += 1;
        }
        if segments.len() > 1 && segments.last().is_some_and(|s| s == "self") {
            segments.pop();
        }
        self.push(segments, line, false);
        at
    }

    fn push(&mut self, segments: Vec<String>, line: usize, glob: bool) {
        if segments.len() + usize::from(glob) < 2 {
            return;
        }
        let mut resolved: Vec<String> = Vec::new();
        for segment in segments {
            match (segment.as_str(), resolved.is_empty()) {
                ("super", true) => resolved = self.absolute(1),
                ("super", false) => drop(resolved.pop()),
                ("self", true) => resolved = self.absolute(0),
                _ => resolved.push(segment),
            }
        }
        self.found.push(NamedPath { segments: resolved, line, glob });
    }

    fn absolute(&self, up: usize) -> Vec<String> {
        let keep = self.module.len().saturating_sub(up);
        std::iter::once("crate".to_owned()).chain(self.module.iter().take(keep).cloned()).collect()
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |t| &t.text)
    }

    fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |at| self.text(at))
    }

    fn is_ident(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|t| t.ident)
    }
}

#[cfg(test)]
mod tests {
    use super::{module_of, paths};
    use crate::tree::Source;

    fn read(path: &str, text: &str) -> anyhow::Result<Vec<String>> {
        let found = paths(&Source { path: path.to_owned(), text: text.to_owned() })?;
        Ok(found
            .iter()
            .map(|p| format!("{}{}@{}", p.segments.join("::"), if p.glob { "::*" } else { "" }, p.line))
            .collect())
    }

    #[test]
    fn trees_calls_and_relative_paths_are_found() -> anyhow::Result<()> {
        let text = "use crate::{api, domain::{rooms::accept, sync}};\nuse super::events::Pdu as P;\n// use sqlx::query;\n\
                    fn f() { let s = \"sqlx::x\"; sqlx::query(s); }\nuse a::{self, b::*};";
        assert_eq!(
            read("homeserver/src/domain/rooms.rs", text)?,
            [
                "crate::api@1",
                "crate::domain::rooms::accept@1",
                "crate::domain::sync@1",
                "crate::domain::events::Pdu@2",
                "sqlx::query@4",
                "a::b::*@5"
            ]
        );
        Ok(())
    }

    #[test]
    fn an_inline_module_is_one_step_deeper() -> anyhow::Result<()> {
        let text = "mod tests { use super::super::net::Wire; fn f() { if true { x() } } }\nuse super::store::Store;";
        assert_eq!(read("homeserver/src/domain.rs", text)?, ["crate::net::Wire@1", "crate::store::Store@2"]);
        Ok(())
    }

    #[test]
    fn modules_follow_the_folders() {
        assert_eq!(module_of("homeserver/src/api/client/rooms.rs"), ["api", "client", "rooms"]);
        assert!(module_of("homeserver/src/lib.rs").is_empty());
    }
}
