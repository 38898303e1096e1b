//! What operations left behind goes: journals whose operation has ended or has no object any more, folders of
//! backups that never became one, and uploads that nobody finished. When the server starts to lead, and whenever a
//! location is looked at.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use api::velero::v1::{AccessMode, Backup, BackupStorageLocation, Restore};
use engine::document::{name, uid};
use engine::journal::Kind as OperationKind;
use engine::machine::sweep::{
    Extent, Folder, Journal, Observed, Operation, Plan, folders_of, is_needed, is_old_dry_run, plan, released,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use store::backup_files::{delete_folder, delete_half_written, is_report, sweep_claims};
use store::bucket::{BackupFile, OPERATIONS, backup_folder, operation_folder};
use store::{Meta, Store};
use tracing::{info, warn};

use super::of_locations;
use crate::deps::Deps;
use crate::error::{Result, read};
use crate::objects::{delete as delete_object, installation, list_documents};
use crate::operation;
use crate::operation::configmaps::{Held, delete, held};
use crate::operation::journal::owner;
use crate::runtime::{Next, Spec};

/// Journals and folders that are looked at side by side.
const PARALLEL: usize = 8;
/// Longer than any upload goes on, ours or that of somebody else who writes to the location: a run ends after a day.
const UPLOAD_MAX: Duration = Duration::from_secs(48 * 3600);

/// The controller.
pub static SPEC: Spec<Deps> = of_locations(
    "operation-sweep",
    |_| Duration::from_secs(3600),
    |deps, document| Box::pin(reconcile(deps, document)),
);

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let location: BackupStorageLocation = read(&document)?;
    let kept = held(&deps).await?;
    let found = match location.spec.access_mode {
        AccessMode::ReadOnly => None,
        _ => {
            let store = deps.stores.open(&location).await?;
            give_uploads_up(store.as_ref(), deps.now()).await;
            found(&deps, store).await?
        }
    };
    if found.is_none() && kept.is_empty() {
        return Ok(Next::Wait);
    }
    // The cluster is read last: what is missing now was not there yet, or has really gone.
    let operations = operations(&deps).await?;
    for Held { name, uid, of_journal } in &kept {
        if !is_needed(uid, *of_journal, &operations) {
            delete(&deps, name).await?;
        }
    }
    if let Some(Found { store, installation, journals, folders }) = found {
        let (journals, folders, operations) = (&journals, &folders, &operations);
        let observed = Observed { installation: &installation, journals, folders, operations };
        let plan = plan(&observed, deps.now());
        for (uid, name) in released(&plan, &observed) {
            let document = json!({"metadata": {"name": name, "namespace": deps.namespace(), "uid": uid}});
            let place = operation::Place { store: Arc::clone(&store), read_only: false };
            let left = operation::Operation::new(&deps, Backup::resource_type(), &document, place, "");
            operation::backup::release(&left).await;
        }
        carry_out(store.as_ref(), &plan).await?;
    }
    Ok(Next::Wait)
}

/// What a location holds of operations.
struct Found {
    store: Arc<dyn Store>,
    installation: String,
    journals: Vec<Journal>,
    folders: Vec<Folder>,
}

/// Looks at a location; `None` where there is no journal, and so nothing that could be swept.
async fn found(deps: &Deps, store: Arc<dyn Store>) -> Result<Option<Found>> {
    let uids = store.folders(OPERATIONS).await?;
    if uids.is_empty() {
        return Ok(None);
    }
    let installation = installation(deps).await?;
    let journals = uids.into_iter().map(|uid| journal(store.as_ref(), uid));
    let journals: Vec<Journal> = stream::iter(journals).buffered(PARALLEL).try_collect().await?;
    let folders =
        folders_of(&journals, &installation).into_iter().map(|backup| folder(store.as_ref(), backup));
    let folders: Vec<Option<Folder>> = stream::iter(folders).buffered(PARALLEL).try_collect().await?;
    let folders = folders.into_iter().flatten().collect();
    Ok(Some(Found { store, installation, journals, folders }))
}

/// Parts of uploads cost money until somebody gives them up. Not every account may list them, which is no reason to leave
/// the rest alone.
async fn give_uploads_up(store: &dyn Store, now: jiff::Timestamp) {
    match store.sweep(now - UPLOAD_MAX).await {
        Ok(0) => {}
        Ok(count) => info!(count, "gave up uploads that nobody finished"),
        Err(error) => warn!("failed to {error}; parts of unfinished uploads may lie in the location"),
    }
}

async fn journal(store: &dyn Store, uid: String) -> Result<Journal> {
    let files = store.list(&operation_folder(&uid)).await?;
    Ok(Journal { owner: owner(store, &uid).await?, written: last_write(&files), uid })
}

/// The folder of a backup; `None` where nothing is in it.
async fn folder(store: &dyn Store, backup: String) -> Result<Option<Folder>> {
    let files = store.list(&backup_folder(&backup)).await?;
    let marker = BackupFile::Marker.key(&backup);
    Ok((!files.is_empty()).then(|| Folder {
        marker: files.iter().any(|file| file.key == marker),
        leftovers: files.iter().any(|file| !is_report(&backup, &file.key)),
        written: last_write(&files),
        backup,
    }))
}

/// When the last of some files was written; `None` where that is not known of each.
fn last_write(files: &[Meta]) -> Option<jiff::Timestamp> {
    let times: Option<Vec<_>> = files.iter().map(|file| file.modified).collect();
    times?.into_iter().max()
}

/// The operations of the cluster. Dry runs that have been looked at long enough go at once.
async fn operations(deps: &Deps) -> Result<Vec<Operation>> {
    let backups = forget_dry_runs::<Backup>(deps, list_documents::<Backup>(deps, "").await?).await?;
    let restores = forget_dry_runs::<Restore>(deps, list_documents::<Restore>(deps, "").await?).await?;
    let backups = backups.iter().map(|document| Operation::of(OperationKind::Backup, document));
    let restores = restores.iter().map(|document| Operation::of(OperationKind::Restore, document));
    Ok(backups.chain(restores).collect())
}

/// Deletes the resources of old dry runs, and gives the others.
async fn forget_dry_runs<K: Kind>(deps: &Deps, all: Vec<Value>) -> Result<Vec<Value>> {
    let (old, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|document| is_old_dry_run(document, deps.now()));
    for document in &old {
        info!(name = name(document), "deleting a dry run");
        delete_object::<K>(deps, name(document), uid(document)).await?;
    }
    Ok(others)
}

async fn carry_out(store: &dyn Store, Plan { folders, journals }: &Plan) -> Result<()> {
    for (backup, extent) in folders {
        info!(backup, "sweeping the folder of a backup that never was complete");
        delete_half_written(store, backup, *extent == Extent::ButItsReport).await?;
    }
    for uid in journals {
        info!(uid, "sweeping the journal of an operation that has ended");
        delete_folder(store, &operation_folder(uid)).await?;
    }
    Ok(sweep_claims(store).await?)
}
