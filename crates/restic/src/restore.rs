//! Restoring a snapshot, or a folder of it, through Kopia's sink.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use kopia::restore::{Options, Report, find};

use crate::{Repository, Result, Snapshot};

/// Restores what a snapshot has in a folder; the empty path is its root, of which nothing is stored but what is in it: then the target keeps the
/// owner, the permissions and the time that it has.
pub fn restore(
    repository: &Repository,
    snapshot: &Snapshot,
    path: &str,
    target: &Path,
    options: &Options,
    cancel: &AtomicBool,
) -> Result<Report> {
    let folder = find(repository, &repository.root(snapshot), path)?.entry;
    let is_root = path.split('/').all(str::is_empty);
    let options = Options { keep_root: options.keep_root || is_root, ..options.clone() };
    kopia::restore::restore(repository, &folder, target, &options, cancel)
}
