//! The style rules of files: first lines, sizes, names, nothing left for later.

use crate::{finding::Finding, tree::Source};

/// Lines past which a file must say `Long because …` near its top, and past which it must be divided.
const WANTS_A_REASON: usize = 400;
const TOO_LONG: usize = 600;

const METHODS: &[&str] = &["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD"];

/// Words that name no thing of the protocol.
const EMPTY_NAMES: &[&str] = &["Manager", "Service", "Helper", "Util", "Utils", "Processor"];

pub fn first_line(file: &Source) -> Vec<Finding> {
    let first = file.text.lines().next().unwrap_or_default();
    let sentence = first.strip_prefix("//! ").unwrap_or_default();
    let good = sentence.split_whitespace().count() >= 2 || sentence.ends_with('.') && sentence.len() > 1;
    if good { Vec::new() } else { one(file, 1, "the first line must be `//! One sentence.` saying what the file is") }
}

/// A file that answers requests opens with the method and path that it answers.
pub fn endpoint_line(file: &Source) -> Vec<Finding> {
    let folders = ["homeserver/src/api/client/", "homeserver/src/api/federation/"];
    let endpoint = folders.iter().any(|folder| file.path.starts_with(folder)) && file.text.contains("Ruma<");
    let first = file.text.lines().next().unwrap_or_default().trim_start_matches("//! ");
    let (methods, rest) = first.split_once(" /").unwrap_or_default();
    let known = methods.split(", ").all(|method| METHODS.contains(&method));
    if !endpoint || known && rest.contains(": ") {
        return Vec::new();
    }
    one(file, 1, "an endpoint's file opens with `//! METHOD /path: one sentence`")
}

pub fn size(file: &Source) -> Vec<Finding> {
    let lines = file.text.lines().count();
    if lines > TOO_LONG {
        return one(file, lines, format!("{lines} lines; divide it, {TOO_LONG} is the most"));
    }
    let explained = file.text.lines().take(20).any(|line| line.contains("Long because "));
    if lines > WANTS_A_REASON && !explained {
        let reason =
            format!("{lines} lines; past {WANTS_A_REASON} the top must say `Long because …`, or the file be divided");
        return one(file, lines, reason);
    }
    Vec::new()
}

pub fn no_mod_rs(file: &Source) -> Vec<Finding> {
    if file.path.ends_with("/mod.rs") {
        one(file, 1, "name it after its folder: `foo.rs` beside `foo/`")
    } else {
        Vec::new()
    }
}

pub fn no_glob_import(file: &Source) -> Vec<Finding> {
    lines(file, "import by name: a glob hides where a name comes from", |line| {
        let line = line.trim_start();
        (line.starts_with("use ") || line.starts_with("pub use ")) && line.contains("::*") || line.ends_with("::*};")
    })
}

pub fn no_empty_names(file: &Source) -> Vec<Finding> {
    lines(file, "says nothing: name it after what it is in Matrix's words", |line| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        let kind = words.find(|word| !["pub", "crate", "super"].contains(word)).unwrap_or_default();
        let name = words.next().unwrap_or_default();
        ["struct", "enum", "trait", "type"].contains(&kind) && EMPTY_NAMES.iter().any(|empty| name.ends_with(empty))
    })
}

/// Each table of a migration has a comment right above it and is STRICT; the file opens with one.
pub fn migration(file: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    if !file.text.starts_with("-- ") {
        found.extend(one(file, 1, "a migration opens with a comment that says what it does"));
    }
    let all: Vec<&str> = file.text.lines().collect();
    for (at, line) in all.iter().enumerate() {
        if !line.starts_with("CREATE TABLE") && !line.starts_with("CREATE VIRTUAL TABLE") {
            continue;
        }
        let above = at.checked_sub(1).and_then(|above| all.get(above)).copied().unwrap_or_default();
        if !above.trim_start().starts_with("--") {
            found.extend(one(file, at + 1, "say above the table what it keeps"));
        }
        let end = all.iter().skip(at).find(|line| line.trim_end().ends_with(';')).copied().unwrap_or_default();
        if line.starts_with("CREATE TABLE") && !end.contains("STRICT") {
            found.extend(one(file, at + 1, "tables are STRICT"));
        }
    }
    found
}

pub fn no_left_over(file: &Source) -> Vec<Finding> {
    // Spelled in halves, so that this file does not find itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X "), concat!("unimpl", "emented!")];
    lines(file, "nothing is left for later: do it, or file an issue", |line| {
        marks.iter().any(|mark| line.contains(mark))
    })
}

/// The bindings of the video codec are the one place where the compiler's guard may be lifted.
pub fn no_unsafe(file: &Source) -> Vec<Finding> {
    if file.path.starts_with("calls/src/codec/vp8/") {
        return Vec::new();
    }
    let mark = concat!("(unsafe", "_code");
    lines(file, "unsafe code belongs to calls/src/codec/vp8 alone", |line| line.contains(mark))
}

pub fn no_machine_path(file: &Source) -> Vec<Finding> {
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/fa", "rm/")];
    lines(file, "a path of one machine", |line| {
        places.iter().any(|place| {
            line.match_indices(place).any(|(at, _)| {
                let before = line.get(..at).and_then(|text| text.chars().next_back());
                !before.is_some_and(|c| c.is_alphanumeric() || "_.-~}".contains(c))
            })
        })
    })
}

fn lines(file: &Source, reason: &str, breaks: impl Fn(&str) -> bool) -> Vec<Finding> {
    let broken = file.text.lines().enumerate().filter(|(_, line)| breaks(line));
    broken.map(|(at, line)| Finding::new(&file.path, at + 1, format!("`{}`: {reason}", line.trim()))).collect()
}

fn one(file: &Source, line: usize, reason: impl Into<String>) -> Vec<Finding> {
    vec![Finding::new(&file.path, line, reason)]
}

#[cfg(test)]
mod tests {
    use super::{
        endpoint_line, first_line, migration, no_empty_names, no_glob_import, no_left_over, no_machine_path, no_mod_rs,
        no_unsafe, size,
    };
    use crate::{finding::Finding, tree::Source};

    fn file(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    fn places(found: &[Finding]) -> Vec<usize> {
        found.iter().map(|f| f.line).collect()
    }

    #[test]
    fn a_file_without_its_sentence_is_found() {
        assert_eq!(places(&first_line(&file("a.rs", "use x::y;"))), [1]);
        assert_eq!(places(&first_line(&file("a.rs", "//! placeholder"))), [1]);
        assert!(first_line(&file("a.rs", "//! What it is.\nuse x::y;")).is_empty());
    }

    #[test]
    fn an_endpoint_without_its_path_is_found() {
        let path = "homeserver/src/api/client/rooms/send.rs";
        let code = "pub async fn send(request: Ruma<Request>) {}";
        assert_eq!(places(&endpoint_line(&file(path, &format!("//! Sends an event.\n{code}")))), [1]);
        assert_eq!(places(&endpoint_line(&file(path, &format!("//! SEND /send: sends.\n{code}")))), [1]);
        assert!(endpoint_line(&file(path, &format!("//! PUT /_matrix/client/v3/x: sends.\n{code}"))).is_empty());
        assert!(endpoint_line(&file(path, &format!("//! GET, PUT /x/{{id}}: reads and sets.\n{code}"))).is_empty());
        assert!(endpoint_line(&file(path, "//! Parts of the endpoints.\npub mod send;")).is_empty());
        assert!(endpoint_line(&file("client/src/a.rs", &format!("//! Text.\n{code}"))).is_empty());
    }

    #[test]
    fn a_long_file_needs_a_reason_and_a_very_long_one_is_refused() {
        assert_eq!(size(&file("a.rs", &"x\n".repeat(401))).len(), 1);
        assert!(size(&file("a.rs", &format!("// Long because it is one table.\n{}", "x\n".repeat(450)))).is_empty());
        assert_eq!(size(&file("a.rs", &format!("// Long because it is one table.\n{}", "x\n".repeat(600)))).len(), 1);
        assert!(size(&file("a.rs", &"x\n".repeat(400))).is_empty());
    }

    #[test]
    fn names_and_globs_are_found() {
        assert_eq!(no_mod_rs(&file("homeserver/src/api/mod.rs", "")).len(), 1);
        assert_eq!(places(&no_glob_import(&file("a.rs", "use a::b;\nuse super::*;\nuse c::{d, e::*};"))), [2, 3]);
        let names = "pub struct RoomManager;\nstruct Room;\nimpl Service for Room {}\npub(crate) trait SyncHelper {}";
        assert_eq!(places(&no_empty_names(&file("a.rs", names))), [1, 4]);
    }

    #[test]
    fn a_table_without_comment_or_strict_is_found() {
        let text = "-- First.\nCREATE TABLE a (\n  x INTEGER\n) STRICT;\n\n-- Two.\nCREATE TABLE b (\n  y TEXT\n);\n\nCREATE TABLE c (z TEXT) STRICT;";
        assert_eq!(places(&migration(&file("1.sql", text))), [7, 11]);
        assert_eq!(places(&migration(&file("2.sql", "CREATE INDEX a_b ON a (b);"))), [1]);
    }

    #[test]
    fn left_overs_and_machine_paths_are_found() {
        let later = concat!("let a = 1; // TO", "DO: more\nlet b = 2;");
        assert_eq!(places(&no_left_over(&file("a.rs", later))), [1]);
        let path = concat!("let a = \"/wo", "rk/x\";\nlet b = \"rooms/wo", "rk/x\";\nlet c = \"~/ro", "ot/\";");
        assert_eq!(places(&no_machine_path(&file("a.rs", path))), [1]);
    }

    #[test]
    fn unsafe_code_outside_its_room_is_found() {
        let lifted = concat!("#![expect(unsafe", "_code, reason = \"fast\")]");
        assert_eq!(places(&no_unsafe(&file("client/src/a.rs", lifted))), [1]);
        assert!(no_unsafe(&file("calls/src/codec/vp8/encoder.rs", lifted)).is_empty());
    }
}
