//! Backups that lie in a location and are not in the cluster are imported; those in the cluster that have
//! gone from the location are forgotten. The bucket is the only truth.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::velero::v1::{Backup, BackupStorageLocation, PodVolumeBackup, Schedule};
use api::{GoDuration, Kind};
use engine::document::{annotation, name, set_annotation, uid};
use engine::machine::location::due;
use engine::machine::sync::{
    Destination, NotImported, Observed, Step, import, import_pod_volume, next, plan,
};
use engine::problem::{Code, Problem, Severity};
use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};
use store::Store;
use store::backup_files::{
    Depth, Finding, Mismatch, list_backups, read_backup_list, read_marker, verify_manifest,
};
use store::bucket::BackupFile;
use tracing::info;

use super::{of_locations, problems};
use crate::deps::Deps;
use crate::error::{Error, Result, read};
use crate::objects::{create, delete, list, list_documents, patch, patch_status, stamp};
use crate::report::report;
use crate::runtime::{Next, Spec};

/// Annotation on an imported Backup until all that belongs to it is imported.
const PENDING: &str = "salvor.io/import-pending";
/// Backups that are read at once.
const PARALLEL: usize = 8;

/// The controller.
pub static SPEC: Spec<Deps> = of_locations(
    "backup-sync",
    |_| Duration::from_secs(60),
    |deps, document| Box::pin(reconcile(deps, document)),
);

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let location: BackupStorageLocation = read(&document)?;
    let period = GoDuration::from(deps.config.periods.sync);
    match next(&Observed { location: &location, period }, deps.now()) {
        Step::Rest => return Ok(Next::Wait),
        Step::Wait(until) => return Ok(Next::at(until, deps.now())),
        Step::Sync => {}
    }
    let schedules = list::<Schedule>(&deps, "").await?;
    let schedules =
        schedules.iter().map(|schedule| (schedule.name().to_owned(), schedule.uid().to_owned())).collect();
    let to = Destination { namespace: deps.namespace(), location: location.name(), schedules: &schedules };
    let store = deps.stores.open(&location).await?;
    Sync { deps: &deps, location: &document, to, store }.run().await?;
    let now = deps.now();
    patch_status::<BackupStorageLocation>(&deps, location.name(), json!({"lastSyncedTime": stamp(now)}))
        .await?;
    let again = due(now, location.spec.backup_sync_period, period);
    Ok(again.map_or(Next::Wait, |then| Next::at(then, now)))
}

/// One look at one location.
struct Sync<'a> {
    deps: &'a Deps,
    location: &'a Value,
    to: Destination<'a>,
    store: Arc<dyn Store>,
}

impl Sync<'_> {
    async fn run(&self) -> Result<()> {
        // The cluster is read first: a backup that completes in between is seen as not yet complete, and so
        // is not taken for one that has gone from the location.
        let documents = list_documents::<Backup>(self.deps, "").await?;
        let known: BTreeMap<&str, &Value> = documents.iter().map(|backup| (name(backup), backup)).collect();
        let backups: Vec<Backup> = documents.iter().filter_map(|backup| read(backup).ok()).collect();
        let folders = list_backups(self.store.as_ref()).await?;
        let plan = plan(&folders, &backups, self.to.location);
        let mut imports = Vec::new();
        for folder in &plan.import {
            imports.push(self.import(folder, None));
        }
        for folder in
            folders.iter().filter(|folder| known.get(folder.as_str()).copied().is_some_and(is_pending))
        {
            imports.push(self.import(folder, known.get(folder.as_str()).copied()));
        }
        let outcomes: Vec<Result<()>> = stream::iter(imports).buffer_unordered(PARALLEL).collect().await;
        // What is wrong with one backup was reported and ends nothing; these are failures of the cluster or
        // the store.
        outcomes.into_iter().collect::<Result<()>>()?;
        for orphan in &plan.orphans {
            info!(backup = orphan, "it has gone from its location");
            let uid = known.get(orphan.as_str()).map_or("", |backup| uid(backup));
            delete::<Backup>(self.deps, orphan, uid).await?;
        }
        Ok(())
    }

    /// Imports one backup, or says why not. One that was imported in part is completed.
    async fn import(&self, folder: &str, known: Option<&Value>) -> Result<()> {
        let marker = match read_marker(self.store.as_ref(), folder).await.map_err(Error::from) {
            Ok(Some(marker)) => marker.backup,
            // Not yet a backup, or no longer one.
            Ok(None) => return Ok(()),
            Err(Error::File(error)) => {
                return self.report(&problems::UNREADABLE, folder, &format!("failed to {error}")).await;
            }
            Err(error) => return Err(error),
        };
        match import(marker, folder, &self.to, self.deps.now()) {
            Err(NotImported::Invalid(reason)) => self.report(&problems::UNREADABLE, folder, &reason).await,
            Err(error @ NotImported::Unfinished(_)) => {
                info!(backup = folder, "{error}");
                Ok(())
            }
            Ok(backup) => match self.altered(folder).await? {
                Some(finding) => self.report(&problems::ALTERED, folder, &finding.to_string()).await,
                None => match self.write(folder, backup, known).await {
                    // It is the cluster that does not take it, and it will not take it the next time.
                    Err(Error::Cluster(error)) if error.kind == cluster::ErrorKind::Invalid => {
                        self.report(&problems::UNREADABLE, folder, &format!("failed to {error}")).await
                    }
                    outcome => outcome,
                },
            },
        }
    }

    /// What in the backup is not as its manifest says; backups of Velero have none.
    async fn altered(&self, name: &str) -> Result<Option<Finding>> {
        let findings = verify_manifest(self.store.as_ref(), name, Depth::Sizes).await?;
        let harmless =
            |finding: &Finding| matches!(finding.mismatch, Mismatch::NoManifest | Mismatch::Unlisted);
        Ok(findings.into_iter().find(|finding| !harmless(finding)))
    }

    /// Creates the Backup, then what belongs to it. It is marked until that is complete.
    async fn write(&self, folder: &str, mut backup: Value, known: Option<&Value>) -> Result<()> {
        let volumes: Vec<Value> =
            match read_backup_list(self.store.as_ref(), folder, BackupFile::PodVolumeBackups)
                .await
                .map_err(Error::from)
            {
                Ok(volumes) => volumes,
                Err(Error::File(error)) => {
                    return self.report(&problems::UNREADABLE, folder, &format!("failed to {error}")).await;
                }
                Err(error) => return Err(error),
            };
        if !volumes.is_empty() {
            set_annotation(&mut backup, PENDING, "true");
        }
        let created = match known {
            Some(known) => known.clone(),
            None => match create::<Backup>(self.deps, &backup).await? {
                Some(created) => created,
                None => return Ok(()),
            },
        };
        for volume in volumes.into_iter().filter(|volume| !name(volume).is_empty()) {
            let mut volume = import_pod_volume(volume, uid(&created), &self.to);
            // Velero's lists do not say of what kind their entries are.
            volume["apiVersion"] = json!("velero.io/v1");
            volume["kind"] = json!(PodVolumeBackup::KIND);
            create::<PodVolumeBackup>(self.deps, &volume).await?;
        }
        if is_pending(&created) {
            patch::<Backup>(self.deps, folder, json!({"metadata": {"annotations": {PENDING: null}}})).await?;
        }
        info!(backup = folder, location = self.to.location, "imported");
        Ok(())
    }

    async fn report(&self, code: &Code, folder: &str, message: &str) -> Result<()> {
        let problem = Problem::new(code, Severity::Error, format!("backup {folder}: {message}"));
        report(self.deps, self.location, "BackupNotImported", &problem).await;
        Ok(())
    }
}

/// Whether an import of this Backup was begun and not completed.
fn is_pending(backup: &Value) -> bool {
    annotation(backup, PENDING).is_some()
}
