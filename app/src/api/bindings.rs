//! The TypeScript twins of the wire's types: exported here and compared with `ui/src/backend/bindings`.
//!
//! `UPDATE_BINDINGS=1 cargo nextest run … -E 'test(bindings)'` writes them anew.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use client::view::TimelineRowKind;
use ts_rs::{Config, TS};

use super::{
    error::AppError,
    push::{Batch, Push, Subscription},
    request::{Reply, Request},
};

fn bindings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/backend/bindings")
}

fn read(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path())?);
    }
    Ok(files)
}

#[test]
fn the_bindings_of_the_ui_are_these_types() -> Result<()> {
    let made = tempfile::tempdir()?;
    let config = Config::new().with_out_dir(made.path());
    Request::export_all(&config)?;
    Reply::export_all(&config)?;
    Subscription::export_all(&config)?;
    Batch::export_all(&config)?;
    AppError::export_all(&config)?;
    // Flattened into their batch and row, but named by the UI.
    Push::export_all(&config)?;
    TimelineRowKind::export_all(&config)?;

    let made = read(made.path())?;
    ensure!(made.len() > 40, "only {} types were exported", made.len());
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        fs::create_dir_all(bindings())?;
        for old in read(&bindings())?.keys().filter(|name| !made.contains_key(*name)) {
            fs::remove_file(bindings().join(old))?;
        }
        for (name, text) in &made {
            fs::write(bindings().join(name), text)?;
        }
    }
    let kept = read(&bindings())?;
    for (name, text) in &made {
        ensure!(kept.get(name) == Some(text), "{name} is not what Rust says: run this test with UPDATE_BINDINGS=1");
    }
    for name in kept.keys() {
        ensure!(
            made.contains_key(name),
            "{name} is no type of the wire any more: run this test with UPDATE_BINDINGS=1"
        );
    }
    Ok(())
}
