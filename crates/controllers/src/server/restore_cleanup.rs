//! Restores that are being deleted: their files in the bucket go first, then the finalizer that waits for that.

use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use api::labels::RESTORE_FINALIZER;
use api::velero::v1::{AccessMode, Backup, BackupStorageLocation, LocationPhase, Restore};
use engine::document::list;
use engine::preview::is_dry_run;
use engine::problem::{Problem, Severity};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::backup_files::{delete_folder, delete_restore};
use store::bucket::{operation_folder, restore_folder};

use super::problems;
use crate::deps::Deps;
use crate::error::{Error, Result, read};
use crate::objects::{find, patch};
use crate::report::report;
use crate::runtime::{Next, Spec, never};

/// The controller.
pub static SPEC: Spec<Deps> = Spec {
    name: "restore-cleanup",
    watches: Restore::resource_type,
    concerns: |document, _| is_leaving(document),
    resync: |_| Duration::from_secs(300),
    stirs: never,
    workers: |_| 4,
    deadline: Duration::from_secs(300),
    reconcile: |deps, document| Box::pin(reconcile(deps, document)),
};

fn is_leaving(document: &Value) -> bool {
    let waits =
        list(document, &["metadata", "finalizers"]).iter().any(|finalizer| finalizer == RESTORE_FINALIZER);
    waits && engine::document::is_leaving(document)
}

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let restore: Restore = read(&document)?;
    match clean(&deps, &restore).await {
        Ok(()) => {}
        Err(error) if is_overdue(&restore, deps.now(), deps.config.limits.resource_timeout) => {
            let folder = restore_folder(restore.name());
            let message = format!("the folder {folder} was left in the bucket: failed to {error}");
            let problem = Problem::new(&problems::LEFT_BEHIND, Severity::Warning, message);
            report(&deps, &document, "FilesLeftBehind", &problem).await;
        }
        Err(error) => return Err(error),
    }
    release(&deps, &document).await?;
    Ok(Next::Wait)
}

/// Deletes the files of the restore from the location of its backup. Where either is not there any more, or
/// nothing may be deleted, there is nothing to do.
async fn clean(deps: &Deps, restore: &Restore) -> Result<()> {
    let Some(backup) = find::<Backup>(deps, &restore.spec.backup_name).await? else { return Ok(()) };
    let Some(location) = find::<BackupStorageLocation>(deps, &backup.spec.storage_location).await? else {
        return Ok(());
    };
    if location.spec.access_mode == AccessMode::ReadOnly {
        return Ok(());
    }
    if location.status.phase != Some(LocationPhase::Available) {
        return Err(Error::Config(format!("use location {}: it is unavailable", location.name())));
    }
    let store = deps.stores.open(&location).await?;
    if !is_dry_run(restore.metadata.annotations.as_ref()) {
        delete_restore(store.as_ref(), restore.name()).await?;
    }
    if !restore.uid().is_empty() {
        delete_folder(store.as_ref(), &operation_folder(restore.uid())).await?;
    }
    Ok(())
}

/// Whether the restore has waited for its files for so long that it goes without.
fn is_overdue(restore: &Restore, now: Timestamp, timeout: Duration) -> bool {
    let since = restore.metadata.deletion_timestamp.as_ref().map_or(now, |time| time.0);
    Duration::try_from(now.duration_since(since)).is_ok_and(|waited| waited > timeout)
}

/// Takes our finalizer away, and no other that came meanwhile: the version is part of the patch.
async fn release(deps: &Deps, document: &Value) -> Result<()> {
    let all = list(document, &["metadata", "finalizers"]);
    let others: Vec<&Value> = all.iter().filter(|finalizer| *finalizer != RESTORE_FINALIZER).collect();
    let version = &document["metadata"]["resourceVersion"];
    let change = json!({"metadata": {"finalizers": others, "resourceVersion": version}});
    match patch::<Restore>(deps, engine::document::name(document), change).await {
        Err(error) if error.is_not_found() => Ok(()),
        outcome => outcome.map(drop),
    }
}

#[cfg(test)]
mod tests;
