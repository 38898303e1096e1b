//! A snapshot from its beginning to its manifest: what earlier ones have is looked for, checkpoints are kept, and go when it is whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::{Options, Progress, Upload};
use crate::manifest::{Changes, Manifest, Manifests};
use crate::snapshot::{DirEntry, Snapshot, Source};
use crate::{Repository, Result, Time, Writer};

/// Why a snapshot of a tree that is still being uploaded is not whole, in kopia's word.
const CHECKPOINT: &str = "checkpoint";

/// What a snapshot is to be.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// What it is of.
    pub source: Source,
    /// What somebody says about it.
    pub description: String,
    /// What it is labelled with besides.
    pub tags: BTreeMap<String, String>,
    /// Who holds it.
    pub pins: Vec<String>,
    /// Which of the tags an earlier snapshot must have as well for its files to be taken for known.
    pub parent_tags: Vec<String>,
    /// Reads everything, whatever earlier snapshots have.
    pub is_full: bool,
}

/// A snapshot that is kept.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The name of its manifest.
    pub id: String,
    /// The snapshot.
    pub snapshot: Snapshot,
}

/// Makes a snapshot of a folder and keeps it. One with failures is kept too; they are in its root's summary and in `progress`.
pub fn snapshot(
    writer: &Writer,
    folder: &Path,
    request: &Request,
    options: &Options,
    progress: &Progress,
    cancel: &AtomicBool,
) -> Result<Saved> {
    let repository = writer.repository();
    let started = repository.storage().now();
    let previous = match request.is_full {
        true => Vec::new(),
        false => previous(&Manifests::load(repository)?, request),
    };
    let checkpoint = |root: DirEntry| {
        let of_root = made(repository, request, started, root, progress);
        let snapshot = Snapshot {
            incomplete: CHECKPOINT.to_owned(),
            tags: BTreeMap::new(),
            pins: Vec::new(),
            ..of_root
        };
        save(writer, &snapshot, &|earlier| earlier.started == started).map(drop)
    };
    let upload =
        Upload { writer, options, previous: &previous, progress, cancel, checkpoint: Some(&checkpoint) };
    let root = upload.run(folder)?;
    let snapshot = made(repository, request, started, root, progress);
    let id = save(writer, &snapshot, &|earlier| earlier.started <= started)?;
    Ok(Saved { id, snapshot })
}

fn made(
    repository: &Repository,
    request: &Request,
    started: Time,
    root: DirEntry,
    progress: &Progress,
) -> Snapshot {
    Snapshot {
        source: request.source.clone(),
        description: request.description.clone(),
        started,
        ended: repository.storage().now(),
        stats: progress.stats(),
        incomplete: String::new(),
        root,
        tags: request.tags.clone(),
        pins: request.pins.clone(),
    }
}

/// Roots of earlier snapshots: the latest whole one, and what has been begun since.
fn previous(manifests: &Manifests, request: &Request) -> Vec<DirEntry> {
    let labels = request.source.labels();
    let mut snapshots: Vec<(Snapshot, &Manifest)> = manifests
        .find(&labels)
        .filter_map(|manifest| Some((Snapshot::read(manifest).ok()?, manifest)))
        .collect();
    snapshots.sort_by_key(|(snapshot, _)| snapshot.started);
    let has_tag = |manifest: &Manifest, tag: &String| manifest.labels().get(tag) == request.tags.get(tag);
    let is_parent = |(snapshot, manifest): &(Snapshot, &Manifest)| {
        snapshot.incomplete.is_empty() && request.parent_tags.iter().all(|tag| has_tag(manifest, tag))
    };
    let parent = snapshots.iter().rposition(is_parent);
    let since = snapshots.split_off(parent.map_or(0, |parent| parent + 1));
    let begun = since.into_iter().filter(|(snapshot, _)| !snapshot.incomplete.is_empty());
    snapshots.drain(..parent.unwrap_or(0));
    snapshots.into_iter().chain(begun).map(|(snapshot, _)| snapshot.root).collect()
}

/// Keeps a snapshot, in place of checkpoints of the same source.
fn save(writer: &Writer, snapshot: &Snapshot, is_replaced: &dyn Fn(&Snapshot) -> bool) -> Result<String> {
    let repository = writer.repository();
    let mut changes = Changes::default();
    let manifests = Manifests::load(repository)?;
    for manifest in manifests.find(&snapshot.source.labels()) {
        let earlier = Snapshot::read(manifest);
        if earlier.is_ok_and(|earlier| earlier.incomplete == CHECKPOINT && is_replaced(&earlier)) {
            changes.delete(repository, manifest);
        }
    }
    let id = changes.put(repository, snapshot.labels()?, snapshot.to_bytes())?;
    changes.write(writer)?;
    writer.flush()?;
    Ok(id)
}
