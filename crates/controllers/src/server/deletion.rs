//! DeleteBackupRequests: a backup, its files, its restores and what was asked about it go, in an order in
//! which each step can be repeated.

mod decide;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use api::labels::{BACKUP_NAME, BACKUP_UID};
use api::names::label_value;
use api::velero::v1::{
    Backup, BackupPhase, BackupStorageLocation, DeleteBackupRequest, DeleteBackupRequestPhase, Restore,
};
use jiff::ToSpan;
use serde_json::{Value, json};
use store::Store;
use store::backup_files::{delete_backup, delete_folder, read_backup_list};
use store::bucket::{BackupFile, operation_folder};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use self::decide::{Decision, Observed, decide};
use crate::deps::Deps;
use crate::error::{Error, Result, read};
use crate::metrics::Metric;
use crate::objects::{delete, find, list, patch, patch_status};
use crate::runtime::{Next, Spec, always};

/// How long an answered request stays.
const ANSWER_HOURS: i64 = 24;
/// How long the restores of the backup have to go.
const RESTORES_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two looks whether they have.
const RESTORES_POLL: Duration = Duration::from_secs(1);

/// The controller.
pub static SPEC: Spec<Deps> = Spec {
    name: "backup-deletion",
    watches: DeleteBackupRequest::resource_type,
    concerns: always,
    resync: |_| Duration::from_secs(3600),
    workers: |_| 1,
    deadline: Duration::from_secs(1800),
    reconcile: |deps, document| Box::pin(reconcile(deps, document)),
};

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let request: DeleteBackupRequest = read(&document)?;
    if request.status.phase.is_terminal() {
        return forget(&deps, &request).await;
    }
    let backup = find::<Backup>(&deps, &request.spec.backup_name).await?;
    let location = match &backup {
        Some(backup) => find::<BackupStorageLocation>(&deps, &backup.spec.storage_location).await?,
        None => None,
    };
    let observed = Observed { request: &request, backup: backup.as_ref(), location: location.as_ref() };
    match decide(&observed) {
        Decision::Refuse(reason) => answer(&deps, &request, vec![reason]).await?,
        Decision::Finish => {
            finish(&deps, &request).await?;
            deps.metrics.count(Metric::BackupDeletionSuccess, &[""]);
        }
        Decision::Delete(backup, location) => {
            let store = deps.stores.open(location).await?;
            Deletion { deps: &deps, request: &request, backup, store }.run().await?;
        }
    }
    Ok(Next::Wait)
}

/// Deletes an answered request: at once if all went well, else when it has been there for long enough.
async fn forget(deps: &Deps, request: &DeleteBackupRequest) -> Result<Next> {
    let now = deps.now();
    let made = request.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0);
    let end = made + ANSWER_HOURS.hours();
    if now < end && !request.status.errors.is_empty() {
        return Ok(Next::at(end, now));
    }
    delete::<DeleteBackupRequest>(deps, request.name(), request.uid()).await?;
    Ok(Next::Wait)
}

/// One deletion under way.
struct Deletion<'a> {
    deps: &'a Deps,
    request: &'a DeleteBackupRequest,
    backup: &'a Backup,
    store: Arc<dyn Store>,
}

impl Deletion<'_> {
    async fn run(&self) -> Result<()> {
        self.claim().await?;
        let mut errors = self.volumes().await?;
        if errors.is_empty() {
            errors.extend(permanent(self.files().await)?);
        }
        errors.extend(self.restores().await?);
        if !errors.is_empty() {
            return self.fail(errors).await;
        }
        delete::<Backup>(self.deps, self.backup.name(), self.backup.uid()).await?;
        finish(self.deps, self.request).await?;
        self.count(Metric::BackupDeletionSuccess);
        Ok(())
    }

    /// Says that the deletion has begun, on the request and on the backup; other requests for it go.
    async fn claim(&self) -> Result<()> {
        for other in of_backup(self.deps, self.backup.name()).await? {
            if other.uid() != self.request.uid() {
                delete::<DeleteBackupRequest>(self.deps, other.name(), other.uid()).await?;
            }
        }
        let labels = json!({BACKUP_NAME: label_value(self.backup.name()), BACKUP_UID: self.backup.uid()});
        let status = json!({"phase": DeleteBackupRequestPhase::InProgress});
        let begun = json!({"metadata": {"labels": labels}, "status": status});
        patch::<DeleteBackupRequest>(self.deps, self.request.name(), begun).await?;
        if self.backup.status.phase != BackupPhase::Deleting {
            patch_status::<Backup>(self.deps, self.backup.name(), json!({"phase": BackupPhase::Deleting})).await?;
            self.count(Metric::BackupDeletionAttempt);
        }
        Ok(())
    }

    /// Data outside the folder of the backup, which would be lost sight of if the folder went.
    async fn volumes(&self) -> Result<Vec<String>> {
        let name = self.backup.name();
        let mut errors = Vec::new();
        for (file, what) in decide::VOLUME_FILES {
            let entries: Vec<Value> = match read_backup_list(self.store.as_ref(), name, file).await.map_err(Error::from) {
                Err(error @ Error::Store(_)) => {
                    errors.extend(permanent(Err(error))?);
                    continue;
                }
                // A damaged list must not keep a backup from being deleted.
                Err(error) => {
                    warn!("failed to {error}; it is passed over");
                    continue;
                }
                Ok(entries) => entries,
            };
            let count = entries.iter().filter(|entry| decide::holds_data(file, entry)).count();
            if count > 0 {
                errors.push(format!("the backup holds {count} {what}, which this version cannot delete yet; nothing was deleted"));
            }
        }
        Ok(errors)
    }

    /// The files of the backup, marker first, and what is left of its journal.
    async fn files(&self) -> Result<()> {
        delete_backup(self.store.as_ref(), self.backup.name()).await?;
        if !self.backup.uid().is_empty() {
            delete_folder(self.store.as_ref(), &operation_folder(self.backup.uid())).await?;
        }
        Ok(())
    }

    /// The restores of the backup. Their finalizer removes their files, for which the backup has to be there.
    async fn restores(&self) -> Result<Vec<String>> {
        let gone = async {
            loop {
                let restores = restores_of(self.deps, self.backup.name()).await?;
                if restores.is_empty() {
                    return Ok::<_, Error>(());
                }
                for restore in restores.iter().filter(|restore| restore.metadata.deletion_timestamp.is_none()) {
                    delete::<Restore>(self.deps, restore.name(), restore.uid()).await?;
                }
                sleep(RESTORES_POLL).await;
            }
        };
        match timeout(RESTORES_TIMEOUT, gone).await {
            Ok(outcome) => outcome.map(|()| Vec::new()),
            Err(_) => Ok(vec![format!("restores of the backup were still there after {RESTORES_TIMEOUT:?}")]),
        }
    }

    async fn fail(&self, errors: Vec<String>) -> Result<()> {
        warn!("the backup was not deleted: {}", errors.join("; "));
        answer(self.deps, self.request, errors).await?;
        self.count(Metric::BackupDeletionFailure);
        Ok(())
    }

    fn count(&self, metric: Metric) {
        let labels = self.backup.metadata.labels.as_ref();
        let schedule = labels.and_then(|labels| labels.get(api::labels::SCHEDULE_NAME));
        self.deps.metrics.count(metric, &[schedule.map_or("", String::as_str)]);
    }
}

/// An error that trying again may cure is one; any other becomes part of the answer.
fn permanent(outcome: Result<()>) -> Result<Option<String>> {
    match outcome {
        Err(Error::Store(error)) if !error.is_transient() => Ok(Some(format!("failed to {error}"))),
        outcome => outcome.map(|()| None),
    }
}

async fn of_backup(deps: &Deps, backup: &str) -> Result<Vec<DeleteBackupRequest>> {
    let all = list::<DeleteBackupRequest>(deps, "").await?;
    Ok(all.into_iter().filter(|request| request.spec.backup_name == backup).collect())
}

async fn restores_of(deps: &Deps, backup: &str) -> Result<Vec<Restore>> {
    let all = list::<Restore>(deps, "").await?;
    Ok(all.into_iter().filter(|restore| restore.spec.backup_name == backup).collect())
}

async fn answer(deps: &Deps, request: &DeleteBackupRequest, errors: Vec<String>) -> Result<()> {
    let status = json!({"phase": DeleteBackupRequestPhase::Processed, "errors": errors});
    patch_status::<DeleteBackupRequest>(deps, request.name(), status).await?;
    Ok(())
}

/// The backup has gone: so does every request about it, this one last.
async fn finish(deps: &Deps, request: &DeleteBackupRequest) -> Result<()> {
    info!(backup = request.spec.backup_name, "the backup is deleted");
    answer(deps, request, Vec::new()).await?;
    for other in of_backup(deps, &request.spec.backup_name).await? {
        if other.uid() != request.uid() {
            delete::<DeleteBackupRequest>(deps, other.name(), other.uid()).await?;
        }
    }
    delete::<DeleteBackupRequest>(deps, request.name(), request.uid()).await
}
