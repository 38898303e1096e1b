//! `codegen`: writes the files that are made from the code, or says which of them are old.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use controllers::install::{self, deployment::Image};
use serde_json::Value;

/// Where the definitions of custom resources go.
const CRDS: &str = "deploy/crds";
/// What an operator's installation is applied from.
const OPERATOR: &str = "deploy/operator.yaml";
const OPERATOR_HEADER: &str =
    "# Made by `cargo xtask codegen` from crates/controllers/src/install; change it there.\n";
const HEADER: &str = "# Made by `cargo xtask codegen` from crates/api; change it there.\n---\n";

/// What to do with generated files.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Changes nothing; fails if a file is not what would be written
    #[arg(long)]
    check: bool,
}

/// Writes or checks all generated files.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let root = crate::checkout();
    let differing = differing(&root)?;
    if !options.check {
        return write(&root, &differing);
    }
    if differing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = differing.keys().map(|path| format!("  {}", path.display())).collect();
    bail!("these files are not what the code says; run `cargo xtask codegen`:\n{}", names.join("\n"))
}

/// The generated files that are not on disk as they should be, with what they should hold; none for a file
/// that should not be there.
fn differing(root: &Path) -> anyhow::Result<BTreeMap<PathBuf, Option<String>>> {
    let expected = files()?;
    let mut differing = BTreeMap::new();
    for entry in fs::read_dir(root.join(CRDS)).with_context(|| format!("failed to list {CRDS}"))? {
        let path = Path::new(CRDS).join(entry?.file_name());
        if !expected.contains_key(&path) {
            differing.insert(path, None);
        }
    }
    for (path, text) in expected {
        if fs::read_to_string(root.join(&path)).ok().as_ref() != Some(&text) {
            differing.insert(path, Some(text));
        }
    }
    Ok(differing)
}

fn write(root: &Path, files: &BTreeMap<PathBuf, Option<String>>) -> anyhow::Result<()> {
    for (path, text) in files {
        let result = match text {
            Some(text) => fs::write(root.join(path), text),
            None => fs::remove_file(root.join(path)),
        };
        result.with_context(|| format!("failed to write {}", path.display()))?;
        println!("{} {}", if text.is_some() { "wrote" } else { "removed" }, path.display());
    }
    Ok(())
}

/// Every generated file by its path in the checkout.
fn files() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut files: BTreeMap<_, _> =
        api::crd::definitions().iter().map(definition_file).collect::<anyhow::Result<_>>()?;
    files.insert(PathBuf::from(OPERATOR), operator()?);
    Ok(files)
}

fn definition_file(definition: &Value) -> anyhow::Result<(PathBuf, String)> {
    let spec = &definition["spec"];
    let (group, plural) = spec["group"]
        .as_str()
        .zip(spec["names"]["plural"].as_str())
        .context("failed to name the file of a definition without group and plural")?;
    let text = serde_saphyr::to_string(definition).context("failed to write a definition as YAML")?;
    Ok((Path::new(CRDS).join(format!("{group}_{plural}.yaml")), format!("{HEADER}{text}")))
}

/// Every object of an operator's installation.
fn operator() -> anyhow::Result<String> {
    let mut text = OPERATOR_HEADER.to_owned();
    for object in install::manifest(install::OPERATOR_NAMESPACE, &Image::of_this_version()) {
        let object = serde_saphyr::to_string(&object).context("failed to write an object as YAML")?;
        text.push_str("---\n");
        text.push_str(&object);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_files_read_back_as_what_they_were_made_from() {
        for definition in api::crd::definitions() {
            let (path, text) = definition_file(&definition).unwrap();
            let read: Value = serde_saphyr::from_str(&text).unwrap();
            assert!(read == definition, "{}", path.display());
        }
    }

    #[test]
    fn generated_files_are_committed() {
        let old: Vec<PathBuf> = differing(&crate::checkout()).unwrap().into_keys().collect();
        assert_eq!(old, Vec::<PathBuf>::new(), "run `cargo xtask codegen`");
    }

    #[test]
    fn a_changed_a_missing_and_a_foreign_file_are_found_and_mended() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(CRDS)).unwrap();
        write(root.path(), &differing(root.path()).unwrap()).unwrap();
        assert!(differing(root.path()).unwrap().is_empty());

        let folder = root.path().join(CRDS);
        fs::write(folder.join("velero.io_backups.yaml"), "{}").unwrap();
        fs::remove_file(folder.join("velero.io_restores.yaml")).unwrap();
        fs::write(folder.join("foreign.yaml"), "{}").unwrap();
        let found = differing(root.path()).unwrap();
        let names: Vec<_> = found.keys().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["foreign.yaml", "velero.io_backups.yaml", "velero.io_restores.yaml"]);

        write(root.path(), &found).unwrap();
        assert!(differing(root.path()).unwrap().is_empty());
    }
}
