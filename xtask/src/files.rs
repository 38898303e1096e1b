//! The files of the checkout that are, or are about to be, under version control.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::source::Source;

/// A file of text.
pub(crate) struct TextFile {
    /// Where it is in the checkout.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

/// Every file of text; others are passed over.
pub(crate) fn texts(root: &Path) -> anyhow::Result<Vec<TextFile>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .context("failed to run git")?;
    ensure!(output.status.success(), "failed to list files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).context("failed to read the names of files")?;
    let paths = names.split('\0').filter(|name| !name.is_empty());
    Ok(paths.filter_map(|path| text(root, path)).collect())
}

/// A file, if it is there (it may have been deleted and not yet committed) and text.
fn text(root: &Path, path: &str) -> Option<TextFile> {
    let text = fs::read_to_string(root.join(path)).ok()?;
    Some(TextFile { path: path.to_owned(), text })
}

/// The Rust source among files.
pub(crate) fn rust(texts: &[TextFile]) -> Vec<Source> {
    let sources = texts.iter().filter(|file| file.path.ends_with(".rs"));
    sources.map(|file| Source::new(&file.path, &file.text)).collect()
}
