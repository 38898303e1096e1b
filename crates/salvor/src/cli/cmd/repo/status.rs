//! `repo status`.

use clap::Args;
use kopia::Repository;
use kopia::maintenance::Parameters;
use kopia::manifest::Manifests;
use serde_json::{Value, json};

use super::access::{Access, Opened};
use super::show::{Show, size};
use super::work::blocking;
use crate::cli::sheet::Sheet;
use crate::exit::Exit;

/// Open a repository and say what it is like
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    show: Show,
}

impl Status {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let opened = self.access.open().await?;
        let facts = blocking(move |_| match opened {
            Opened::Kopia(repository) => of_kopia(&repository),
            Opened::Restic(repository) => of_restic(&repository),
        });
        let facts = facts.await?;
        self.show.facts(&facts, || sheet(&facts))?;
        Ok(Exit::Done)
    }
}

/// What a repository of Kopia's is like.
pub(super) fn of_kopia(repository: &Repository) -> kopia::Result<Value> {
    let (mut contents, mut deleted, mut packed) = (0u64, 0u64, 0u64);
    repository.entries(&mut |entry| {
        contents += u64::from(!entry.is_deleted);
        deleted += u64::from(entry.is_deleted);
        packed += u64::from(entry.packed_length);
        Ok(())
    })?;
    let manifests = Manifests::load(repository)?;
    let snapshots = manifests.find(&[("type", "snapshot")]).count();
    let format = repository.format();
    Ok(json!({
        "kind": "kopia",
        "formatVersion": format.version(),
        "packLength": format.pack_length(),
        "warnings": format.warnings(),
        "maintainedBy": Parameters::load(&manifests)?.owner,
        "snapshots": snapshots,
        "contents": contents,
        "deletedContents": deleted,
        "packedBytes": packed,
    }))
}

fn of_restic(repository: &restic::Repository) -> kopia::Result<Value> {
    Ok(json!({
        "kind": "restic",
        "formatVersion": repository.version(),
        "id": repository.id(),
        "snapshots": repository.snapshots()?.len(),
    }))
}

/// The same for people.
pub(super) fn sheet(facts: &Value) -> String {
    let mut sheet = Sheet::default();
    let labels = [
        ("kind", "Kind"),
        ("formatVersion", "Format version"),
        ("id", "ID"),
        ("maintainedBy", "Maintained by"),
        ("snapshots", "Snapshots"),
        ("contents", "Contents"),
        ("deletedContents", "Deleted contents"),
    ];
    for (field, label) in labels {
        match &facts[field] {
            Value::Null => {}
            Value::String(text) if text.is_empty() => drop(sheet.pair(0, label, "<nobody>")),
            Value::String(text) => drop(sheet.pair(0, label, text)),
            other => drop(sheet.pair(0, label, other)),
        }
    }
    if let Some(bytes) = facts["packedBytes"].as_u64() {
        sheet.pair(0, "In packs", size(bytes));
    }
    for warning in facts["warnings"].as_array().into_iter().flatten() {
        sheet.pair(0, "Warning", warning.as_str().unwrap_or_default());
    }
    sheet.finish()
}
