//! The rules of the tree that a program can check; each failure names a file, a line and the reason.

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/crates.rs"]
mod crates;
#[path = "tidy/finding.rs"]
mod finding;
#[path = "tidy/rust_paths.rs"]
mod rust_paths;
#[path = "tidy/style.rs"]
mod style;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/ui.rs"]
mod ui;

use anyhow::Result;

use crate::{finding::report, tree::Tree};

#[test]
fn crates_depend_on_each_other_as_drawn() -> Result<()> {
    report(crates::arrows(&crates::metadata()?))
}

#[test]
fn there_is_one_of_each_protocol_library() -> Result<()> {
    report(crates::one_of_each(&crates::metadata()?))
}

#[test]
fn every_licence_lets_us_ship() -> Result<()> {
    report(crates::licences(&crates::metadata()?))
}

#[test]
fn every_crate_takes_the_workspace_lints() -> Result<()> {
    report(Tree::read()?.each(&["Cargo.toml"], crates::workspace_lints))
}

#[test]
fn modules_of_the_homeserver_point_downwards() -> Result<()> {
    let tree = Tree::read()?;
    report(arrows::inside_homeserver(&tree.under("homeserver/src/"))?)
}

#[test]
fn the_floors_of_the_domain_hold() -> Result<()> {
    let tree = Tree::read()?;
    report(arrows::domain_floors(&tree.under("homeserver/src/domain"))?)
}

#[test]
fn sql_and_tauri_stay_in_their_rooms() -> Result<()> {
    report(arrows::rooms_of_libraries(&Tree::read()?.with_suffix(".rs"))?)
}

#[test]
fn every_file_says_what_it_is() -> Result<()> {
    report(Tree::read()?.each(&[".rs"], style::first_line))
}

#[test]
fn an_endpoint_opens_with_its_path() -> Result<()> {
    report(Tree::read()?.each(&[".rs"], style::endpoint_line))
}

#[test]
fn files_stay_small() -> Result<()> {
    report(Tree::read()?.each(&[".rs", ".ts", ".svelte", ".css", ".py", ".mjs"], style::size))
}

#[test]
fn modules_have_their_own_names() -> Result<()> {
    let tree = Tree::read()?;
    let mut found = tree.each(&[".rs"], style::no_mod_rs);
    found.extend(tree.each(&[".rs"], style::no_glob_import));
    found.extend(tree.each(&[".rs"], style::no_empty_names));
    report(found)
}

#[test]
fn unsafe_code_stays_in_its_room() -> Result<()> {
    report(Tree::read()?.each(&[".rs"], style::no_unsafe))
}

#[test]
fn migrations_explain_their_tables() -> Result<()> {
    report(Tree::read()?.each(&[".sql"], style::migration))
}

#[test]
fn nothing_is_left_for_later() -> Result<()> {
    let kinds = [".rs", ".ts", ".svelte", ".css", ".py", ".mjs", ".sql", ".sh", ".toml", ".md"];
    let tree = Tree::read()?;
    let mut found = tree.each(&kinds, style::no_left_over);
    found.extend(tree.each(&kinds, style::no_machine_path));
    report(found)
}

#[test]
fn the_ui_imports_as_drawn() -> Result<()> {
    report(Tree::read()?.each(&[".ts", ".svelte"], ui::imports))
}

#[test]
fn colours_are_tokens_and_foreign_html_is_never_raw() -> Result<()> {
    let tree = Tree::read()?;
    let mut found = tree.each(&[".css", ".svelte"], ui::raw_colours);
    found.extend(tree.each(&[".svelte"], ui::raw_html));
    report(found)
}
