//! DeleteBackupRequests: a backup, its files, its restores and what was asked about it go, in an order in
//! which each step can be repeated.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use api::labels::{BACKUP_NAME, BACKUP_UID, SCHEDULE_NAME};
use api::names::label_value;
use api::velero::v1::{
    Backup, BackupPhase, BackupStorageLocation, DeleteBackupRequest, DeleteBackupRequestPhase, Restore,
};
use engine::machine::deletion::{Observed, Progress, Step, next};
use engine::preview::is_dry_run;
use serde_json::{Value, json};
use store::Store;
use store::backup_files::{delete_backup, delete_folder, read_backup_list};
use store::bucket::{BackupFile, operation_folder};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::deps::Deps;
use crate::error::{Error, Result, read};
use crate::metrics::Metric;
use crate::objects::{amend, amend_status, delete, find, list};
use crate::runtime::{Next, Spec, always, never};

/// The lists of a backup that name data outside its folder.
const VOLUME_FILES: [(BackupFile, &str); 5] = [
    (BackupFile::VolumeSnapshots, "native snapshots"),
    (BackupFile::PodVolumeBackups, "file system backups of volumes"),
    (BackupFile::ItemOperations, "operations that moved data"),
    (BackupFile::CsiVolumeSnapshots, "CSI snapshots"),
    (BackupFile::VolumeInfo, "volumes with data"),
];

/// The controller.
pub static SPEC: Spec<Deps> = Spec {
    name: "backup-deletion",
    watches: DeleteBackupRequest::resource_type,
    concerns: always,
    resync: |_| Duration::from_secs(3600),
    stirs: never,
    workers: |_| 1,
    deadline: Duration::from_secs(1800),
    reconcile: |deps, document| Box::pin(reconcile(deps, document)),
};

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let request: DeleteBackupRequest = read(&document)?;
    let progress = Progress { began: Some(deps.now()), ..Progress::default() };
    let name = request.name().to_owned();
    let mut deletion = Deletion { deps: &deps, name, progress, restores: BTreeMap::new() };
    while let Some(scene) = deletion.look().await? {
        let now = deps.now();
        match next(&scene.observed(&deletion.progress), now) {
            Step::Wait(until) if scene.request.status.phase.is_terminal() => return Ok(Next::at(until, now)),
            Step::Wait(until) => {
                sleep(Duration::try_from(until.duration_since(now)).unwrap_or_default()).await;
            }
            step => deletion.act(&scene, step).await?,
        }
    }
    Ok(Next::Wait)
}

/// A dry run has no files but its report: a folder of its name is another's.
fn is_dry(backup: &Backup) -> bool {
    is_dry_run(backup.metadata.annotations.as_ref())
}

/// What is so, read anew before each step.
struct Scene {
    request: DeleteBackupRequest,
    others: Vec<DeleteBackupRequest>,
    backup: Option<Backup>,
    location: Option<BackupStorageLocation>,
}

impl Scene {
    fn observed<'a>(&'a self, progress: &'a Progress) -> Observed<'a> {
        let Self { request, others: _, backup, location } = self;
        Observed { request, backup: backup.as_ref(), location: location.as_ref(), progress }
    }

    fn schedule(&self) -> &str {
        let labels = self.backup.as_ref().and_then(|backup| backup.metadata.labels.as_ref());
        labels.and_then(|labels| labels.get(SCHEDULE_NAME)).map_or("", String::as_str)
    }
}

/// One deletion under way.
struct Deletion<'a> {
    deps: &'a Deps,
    name: String,
    progress: Progress,
    /// The UIDs of the restores of the backup, by name.
    restores: BTreeMap<String, String>,
}

impl Deletion<'_> {
    /// Reads what is so; `None` once the request has gone.
    async fn look(&mut self) -> Result<Option<Scene>> {
        let Some(request) = find::<DeleteBackupRequest>(self.deps, &self.name).await? else {
            return Ok(None);
        };
        let name = &request.spec.backup_name;
        let all = list::<DeleteBackupRequest>(self.deps, "").await?;
        let others: Vec<_> = all
            .into_iter()
            .filter(|other| other.spec.backup_name == *name && other.uid() != request.uid())
            .collect();
        let backup = find::<Backup>(self.deps, name).await?.filter(|backup| is_meant(&request, backup));
        let location = match &backup {
            Some(backup) => find::<BackupStorageLocation>(self.deps, &backup.spec.storage_location).await?,
            None => None,
        };
        // Nothing was ever restored from a dry run.
        let restores = match backup.as_ref().is_some_and(is_dry) {
            true => Vec::new(),
            false => list::<Restore>(self.deps, "").await?,
        };
        let restores = restores.iter().filter(|restore| restore.spec.backup_name == *name);
        self.restores = restores.map(|of| (of.name().to_owned(), of.uid().to_owned())).collect();
        self.progress.restores = self.restores.keys().cloned().collect();
        Ok(Some(Scene { request, others, backup, location }))
    }

    async fn act(&mut self, scene: &Scene, step: Step) -> Result<()> {
        match step {
            Step::Begin => self.begin(scene).await,
            Step::MarkBackup => self.mark(scene).await,
            Step::CheckData => self.data(scene).await,
            Step::DeleteFiles => self.files(scene).await,
            Step::DeleteRestores(restores) => self.restores(&restores).await,
            Step::DeleteBackup => self.backup(scene).await,
            Step::Finish(errors) => self.finish(scene, errors).await,
            Step::DeleteRequests => self.requests(scene).await,
            // The caller waits.
            Step::Wait(_) => Ok(()),
        }
    }

    async fn begin(&self, scene: &Scene) -> Result<()> {
        self.forget_others(scene).await?;
        let backup = &scene.request.spec.backup_name;
        let uid = scene.backup.as_ref().map(Kind::uid);
        let labels = json!({BACKUP_NAME: label_value(backup), BACKUP_UID: uid});
        let begun = json!({"metadata": {"labels": labels}, "status": {"phase": DeleteBackupRequestPhase::InProgress}});
        amend(self.deps, &scene.request, begun).await.map(drop)
    }

    async fn mark(&self, scene: &Scene) -> Result<()> {
        let Some(backup) = &scene.backup else { return Ok(()) };
        amend_status(self.deps, backup, json!({"phase": BackupPhase::Deleting})).await?;
        self.deps.metrics.count(Metric::BackupDeletionAttempt, &[scene.schedule()]);
        Ok(())
    }

    /// Data outside the folder of the backup cannot be deleted yet. It would be lost sight of if the folder
    /// went, so that finding some is an error.
    async fn data(&mut self, scene: &Scene) -> Result<()> {
        if scene.backup.as_ref().is_some_and(is_dry) {
            self.progress.data_checked = true;
            return Ok(());
        }
        let store = self.store(scene).await?;
        for (file, what) in VOLUME_FILES {
            let entries =
                read_backup_list::<Value>(store.as_ref(), &scene.request.spec.backup_name, file).await;
            let entries = match entries.map_err(Error::from) {
                Ok(entries) => entries,
                // A damaged list must not keep a backup from being deleted.
                Err(Error::File(error)) => {
                    warn!("failed to {error}; it is passed over");
                    continue;
                }
                Err(error) => {
                    self.keep(Err(error))?;
                    continue;
                }
            };
            let count = entries.iter().filter(|entry| holds_data(file, entry)).count();
            if count > 0 {
                let error = format!(
                    "the backup holds {count} {what}, which this version cannot delete: its files stay"
                );
                self.progress.errors.push(error);
            }
        }
        self.progress.data_checked = true;
        Ok(())
    }

    /// The files of the backup, marker first, and what is left of its journal.
    async fn files(&mut self, scene: &Scene) -> Result<()> {
        let store = self.store(scene).await?;
        let deleted = async {
            if !scene.backup.as_ref().is_some_and(is_dry) {
                delete_backup(store.as_ref(), &scene.request.spec.backup_name).await?;
            }
            match scene.backup.as_ref().map(Kind::uid) {
                Some(uid) if !uid.is_empty() => delete_folder(store.as_ref(), &operation_folder(uid)).await,
                _ => Ok(()),
            }
        };
        self.keep(deleted.await.map_err(Error::from))?;
        self.progress.files_gone = self.progress.errors.is_empty();
        Ok(())
    }

    /// The restores of the backup. Their finalizer removes their files, for which the backup has to be there.
    async fn restores(&mut self, restores: &[String]) -> Result<()> {
        for restore in restores {
            let uid = self.restores.get(restore).map_or("", String::as_str);
            delete::<Restore>(self.deps, restore, uid).await?;
        }
        self.progress.restores_deleted = true;
        Ok(())
    }

    async fn backup(&self, scene: &Scene) -> Result<()> {
        let Some(backup) = &scene.backup else { return Ok(()) };
        delete::<Backup>(self.deps, backup.name(), backup.uid()).await?;
        self.deps.metrics.count(Metric::BackupDeletionSuccess, &[scene.schedule()]);
        info!(backup = backup.name(), "the backup is deleted");
        Ok(())
    }

    async fn finish(&self, scene: &Scene, errors: Vec<String>) -> Result<()> {
        if !errors.is_empty() {
            warn!("the backup was not deleted: {}", errors.join("; "));
            self.deps.metrics.count(Metric::BackupDeletionFailure, &[scene.schedule()]);
        }
        let status = json!({"phase": DeleteBackupRequestPhase::Processed, "errors": errors});
        amend_status(self.deps, &scene.request, status).await.map(drop)
    }

    async fn requests(&self, scene: &Scene) -> Result<()> {
        if scene.request.status.errors.is_empty() {
            self.forget_others(scene).await?;
        }
        delete::<DeleteBackupRequest>(self.deps, &self.name, scene.request.uid()).await
    }

    async fn forget_others(&self, scene: &Scene) -> Result<()> {
        for other in &scene.others {
            delete::<DeleteBackupRequest>(self.deps, other.name(), other.uid()).await?;
        }
        Ok(())
    }

    async fn store(&self, scene: &Scene) -> Result<Arc<dyn Store>> {
        let location = scene.location.as_ref();
        let location = location.ok_or_else(|| Error::Config("find the location of the backup".to_owned()))?;
        self.deps.stores.open(location).await
    }

    /// An error that trying again may cure ends this run; any other becomes part of the answer.
    fn keep(&mut self, outcome: Result<()>) -> Result<()> {
        match outcome {
            Err(Error::Store(error)) if !error.is_transient() => {
                self.progress.errors.push(format!("failed to {error}"));
                Ok(())
            }
            outcome => outcome,
        }
    }
}

/// Whether a backup is the one that a request has begun to delete, and not a later one of the same name.
fn is_meant(request: &DeleteBackupRequest, backup: &Backup) -> bool {
    let begun = request.status.phase == DeleteBackupRequestPhase::InProgress;
    let uid = request.metadata.labels.as_ref().and_then(|labels| labels.get(BACKUP_UID));
    !begun || uid.is_none_or(|uid| uid == backup.uid())
}

/// Whether an entry of a list in [`VOLUME_FILES`] stands for data.
fn holds_data(file: BackupFile, entry: &Value) -> bool {
    match file {
        BackupFile::VolumeInfo => entry["backupMethod"].as_str().is_some_and(|method| !method.is_empty()),
        _ => true,
    }
}
