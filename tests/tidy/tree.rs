//! The files of the repository that the rules read.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::finding::Finding;

/// Folders that hold what other programs made.
const MADE: &[&str] =
    &["target", "node_modules", "dist", "dist-fake", "gen", "paraglide", "bindings", "__pycache__", "corpus"];

/// One text file; `path` is relative to the repository, with `/`.
#[derive(Clone)]
pub struct Source {
    pub path: String,
    pub text: String,
}

/// All text files that people write.
pub struct Tree(Vec<Source>);

/// The repository's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Tree {
    pub fn read() -> Result<Self> {
        let mut files = Vec::new();
        walk(&root(), "", &mut files)?;
        anyhow::ensure!(files.len() > 50, "only {} files found below {}", files.len(), root().display());
        Ok(Self(files))
    }

    /// Applies a rule to each file whose name ends with one of `suffixes`.
    pub fn each(&self, suffixes: &[&str], rule: impl Fn(&Source) -> Vec<Finding>) -> Vec<Finding> {
        self.0.iter().filter(|file| suffixes.iter().any(|s| file.path.ends_with(s))).flat_map(rule).collect()
    }

    /// The Rust files whose path starts with `prefix`.
    pub fn under(&self, prefix: &str) -> Vec<Source> {
        self.0.iter().filter(|f| f.path.starts_with(prefix) && f.path.ends_with(".rs")).cloned().collect()
    }

    pub fn with_suffix(&self, suffix: &str) -> Vec<Source> {
        self.0.iter().filter(|f| f.path.ends_with(suffix)).cloned().collect()
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type()?;
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        if kind.is_dir() {
            if !name.starts_with('.') && !MADE.contains(&name.as_str()) {
                walk(&entry.path(), &path, files)?;
            }
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            files.push(Source { path, text });
        }
    }
    Ok(())
}
