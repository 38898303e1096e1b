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
    let files = texts.iter().filter(|file| file.path.ends_with(".rs"));
    let mut sources: Vec<Source> = files.map(|file| Source::new(&file.path, &file.text)).collect();
    let of_tests: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        source.is_test |= of_tests.iter().any(|module| is_within(&source.path, module));
    }
    sources
}

/// Whether a file is a module's own, or one below it.
fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_for_tests_are_tests_with_all_below_them() {
        let file = |path: &str, text: &str| TextFile { path: path.into(), text: text.into() };
        let sources = rust(&[
            file("crates/a/src/lib.rs", "#[cfg(test)]\nmod fake;\nmod faker;\n"),
            file("crates/a/src/fake.rs", ""),
            file("crates/a/src/fake/deep.rs", ""),
            file("crates/a/src/faker.rs", ""),
            file("README.md", ""),
        ]);
        assert_eq!(
            sources.iter().map(|source| source.is_test).collect::<Vec<_>>(),
            [false, true, true, false]
        );
    }
}
