//! What cargo knows: which crate depends on which, one version of what must be one, licences, lints.

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::{
    finding::Finding,
    tree::{Source, root},
};

/// (crate, the crates of this workspace it may depend on, libraries it must not have, why).
type Arrow = (&'static str, &'static [&'static str], &'static [&'static str], &'static str);

const ARROWS: &[Arrow] = &[
    (
        "crypto",
        &[],
        &["reqwest", "hyper", "axum", "iroh", "sqlx", "rusqlite", "matrix-sdk"],
        "crypto has no network and no SQL",
    ),
    ("homeserver", &["crypto"], &["matrix-sdk", "matrix-sdk-ui", "tauri"], "the server is not a client"),
    ("client", &["crypto"], &["sqlx", "axum", "iroh", "tauri"], "the client speaks HTTP to any homeserver"),
    (
        "calls",
        &[],
        &["matrix-sdk", "matrix-sdk-ui", "reqwest", "hyper", "axum", "sqlx", "rusqlite", "tauri"],
        "the call engine knows no client, no server and no SQL",
    ),
    ("app", &["homeserver", "client", "calls", "crypto"], &["tauri", "sqlx"], "the app has no window and no tables"),
    ("hearth", &["app"], &["sqlx", "matrix-sdk", "iroh"], "the shell adapts Tauri to app"),
    ("tests", &["crypto", "homeserver", "client", "calls", "app"], &["tauri"], "tests link no webview"),
];

/// Crates of which a second version would mean two protocols, two TLS stacks or two buses in one program.
const ONE: &[&str] =
    &["ruma", "ruma-common", "ruma-events", "vodozemac", "rustls", "zbus", "libsqlite3-sys", "tokio", "hyper", "tauri"];

/// Licences that let us ship: permissive ones, and MPL-2.0, whose files we use as they are.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "MPL-2.0+",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// The workspace and everything it is built from on this kind of machine.
pub fn metadata() -> Result<Metadata> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let options = ["--locked".to_owned(), "--filter-platform".to_owned(), target];
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(options)
        .exec()
        .context("cargo metadata")
}

pub fn arrows(metadata: &Metadata) -> Vec<Finding> {
    let mut found = Vec::new();
    let members = metadata.workspace_packages();
    for package in &members {
        let file = manifest(package.name.as_str());
        let Some(arrow) = ARROWS.iter().find(|arrow| arrow.0 == package.name.as_str()) else {
            found.push(Finding::new(&file, 1, "a crate without arrows: put it into tests/tidy/crates.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = members.iter().any(|member| member.name.as_str() == dependency.name);
            found.extend(judge(arrow, &file, &dependency.name, ours));
        }
    }
    found
}

fn judge(arrow: &Arrow, file: &str, dependency: &str, ours: bool) -> Option<Finding> {
    let (name, may, never, reason) = arrow;
    let wrong = if ours { !may.contains(&dependency) } else { never.contains(&dependency) };
    wrong.then(|| Finding::new(file, 1, format!("{name} depends on {dependency}: {reason}")))
}

pub fn one_of_each(metadata: &Metadata) -> Vec<Finding> {
    let packages: Vec<(&str, String)> =
        metadata.packages.iter().map(|p| (p.name.as_str(), p.version.to_string())).collect();
    doubled(&packages)
}

fn doubled(packages: &[(&str, String)]) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in ONE {
        let versions: Vec<&str> = packages.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
        if versions.len() > 1 {
            found.push(Finding::new(
                "Cargo.lock",
                1,
                format!("{name} in {} versions: {}", versions.len(), versions.join(", ")),
            ));
        }
    }
    found
}

pub fn licences(metadata: &Metadata) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in &metadata.packages {
        let licence = package.license.as_deref().unwrap_or("(none)");
        if !lets_us_ship(licence) {
            found.push(Finding::new(
                "Cargo.lock",
                1,
                format!("{} {} is under {licence}", package.name, package.version),
            ));
        }
    }
    found
}

pub fn workspace_lints(file: &Source) -> Vec<Finding> {
    let takes = file.text.contains("[workspace]") || file.text.contains("[lints]\nworkspace = true");
    if takes { Vec::new() } else { vec![Finding::new(&file.path, 1, "add `[lints]` with `workspace = true`")] }
}

fn manifest(name: &str) -> String {
    format!("{}/Cargo.toml", if name == "hearth" { "src-tauri" } else { name })
}

/// Reads an SPDX expression: true when the allowed licences satisfy it.
fn lets_us_ship(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let answer = any_of(&words, &mut at);
    answer && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize) -> bool {
    let mut answer = all_of(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        answer |= all_of(words, at);
    }
    answer
}

fn all_of(words: &[&str], at: &mut usize) -> bool {
    let mut answer = term(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        answer &= term(words, at);
    }
    answer
}

fn term(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let answer = any_of(words, at);
        *at += 1;
        return answer;
    }
    let mut licence = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = format!("{licence} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    ALLOWED.contains(&licence.as_str())
}

#[cfg(test)]
mod tests {
    use super::{ARROWS, doubled, judge, lets_us_ship, workspace_lints};
    use crate::tree::Source;

    #[test]
    fn a_wrong_dependency_is_found() -> anyhow::Result<()> {
        let client = ARROWS.iter().find(|a| a.0 == "client").ok_or_else(|| anyhow::anyhow!("no arrows of client"))?;
        assert!(judge(client, "client/Cargo.toml", "homeserver", true).is_some());
        assert!(judge(client, "client/Cargo.toml", "sqlx", false).is_some());
        assert!(judge(client, "client/Cargo.toml", "crypto", true).is_none());
        Ok(())
    }

    #[test]
    fn a_second_version_is_found() {
        let two = [("ruma", "0.16.0".to_owned()), ("ruma", "0.15.0".to_owned()), ("rand", "0.8.0".to_owned())];
        assert_eq!(doubled(&two).len(), 1);
    }

    #[test]
    fn licence_expressions_are_understood() {
        for good in
            ["MIT", "MIT/Apache-2.0", "(MIT OR GPL-3.0-only) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception OR X"]
        {
            assert!(lets_us_ship(good), "{good}");
        }
        for bad in ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "(none)", "(MIT OR X) AND (GPL-2.0 OR Y)", "", "MIT )"] {
            assert!(!lets_us_ship(bad), "{bad}");
        }
    }

    #[test]
    fn a_crate_without_the_lints_is_found() {
        let file = |text: &str| Source { path: "a/Cargo.toml".to_owned(), text: text.to_owned() };
        assert_eq!(workspace_lints(&file("[package]\nname = \"a\"\n")).len(), 1);
        assert!(workspace_lints(&file("[package]\n[lints]\nworkspace = true\n")).is_empty());
    }
}
