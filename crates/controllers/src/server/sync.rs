//! Backups that lie in a location and are not in the cluster are imported; those in the cluster that have
//! gone from the location are forgotten. The bucket is the only truth.

mod import;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use api::labels::STORAGE_LOCATION;
use api::velero::v1::{Backup, BackupPhase, BackupStorageLocation, LocationPhase, PodVolumeBackup};
use api::{GoDuration, Kind};
use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};
use store::Store;
use store::backup_files::{Depth, Finding, Mismatch, list_backups, read_backup_list, read_marker, verify_manifest};
use store::bucket::BackupFile;
use tracing::{info, warn};

use self::import::{Import, PENDING, Verdict};
use super::problems;
use crate::deps::Deps;
use crate::error::{Error, Result, read};
use crate::objects::{create, delete, labelled, list, list_documents, patch, patch_status, stamp};
use crate::report::report;
use crate::runtime::{Next, Spec};
use engine::problem::{Problem, Severity};

/// Backups that are read at once.
const PARALLEL: usize = 8;

/// The controller.
pub static SPEC: Spec<Deps> = Spec {
    name: "backup-sync",
    watches: BackupStorageLocation::resource_type,
    concerns: |document, _| document["status"]["phase"] == "Available",
    resync: |_| Duration::from_secs(60),
    workers: |_| 1,
    deadline: Duration::from_secs(600),
    reconcile: |deps, document| Box::pin(reconcile(deps, document)),
};

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let location: BackupStorageLocation = read(&document)?;
    let Some(period) = period(&location, deps.config.periods.sync) else { return Ok(Next::Wait) };
    let passed = location.status.last_synced_time.as_ref().map(|last| deps.now().duration_since(last.0));
    let left = passed.map(|passed| period.saturating_sub(Duration::try_from(passed).unwrap_or_default()));
    if let Some(left) = left.filter(|left| !left.is_zero()) {
        return Ok(Next::After(left));
    }
    debug_assert_eq!(location.status.phase, Some(LocationPhase::Available));
    let sync = Sync { store: deps.stores.open(&location).await?, deps: &deps, location: &location, document: &document };
    sync.run().await?;
    patch_status::<BackupStorageLocation>(&deps, location.name(), json!({"lastSyncedTime": stamp(deps.now())})).await?;
    Ok(Next::After(period))
}

/// How often backups are looked for; `None` for never.
fn period(location: &BackupStorageLocation, default: Duration) -> Option<Duration> {
    let asked = location.spec.backup_sync_period.map(|asked| {
        GoDuration::to_std(asked).unwrap_or_else(|| {
            warn!("spec.backupSyncPeriod is negative; the default of the server holds");
            default
        })
    });
    Some(asked.unwrap_or(default)).filter(|period| !period.is_zero())
}

/// One look at one location.
struct Sync<'a> {
    deps: &'a Deps,
    location: &'a BackupStorageLocation,
    document: &'a Value,
    store: Arc<dyn Store>,
}

impl Sync<'_> {
    async fn run(&self) -> Result<()> {
        // The cluster is read first: a backup that completes in between is seen as not yet complete, and so
        // is not taken for one that has gone from the location.
        let known: BTreeMap<String, Value> = list_documents::<Backup>(self.deps, "")
            .await?
            .into_iter()
            .map(|backup| (engine::document::name(&backup).to_owned(), backup))
            .collect();
        let stored: BTreeSet<String> = list_backups(self.store.as_ref()).await?.into_iter().collect();
        let schedules = list_documents::<api::velero::v1::Schedule>(self.deps, "").await?;
        let import = Import::new(self.deps, self.location, &schedules);
        let wanted = stored.iter().filter(|name| known.get(*name).is_none_or(import::is_pending));
        let imports = stream::iter(wanted).map(|name| self.import(&import, name, known.get(name)));
        let outcomes: Vec<Result<()>> = imports.buffer_unordered(PARALLEL).collect().await;
        // One that failed is tried again at the next sync; only what the cluster or the store as a whole
        // cannot do ends this one.
        outcomes.into_iter().collect::<Result<()>>()?;
        self.forget(known.values(), &stored).await
    }

    /// Imports one backup, or says why not. A backup that was imported in part is completed.
    async fn import(&self, import: &Import<'_>, name: &str, known: Option<&Value>) -> Result<()> {
        let marker = match read_marker(self.store.as_ref(), name).await.map_err(Error::from) {
            Ok(Some(marker)) => marker.backup,
            // Not yet a backup, or no longer one.
            Ok(None) => return Ok(()),
            Err(error @ Error::Store(_)) => return Err(error),
            Err(error) => return self.report(&problems::UNREADABLE, name, &format!("failed to {error}")).await,
        };
        let backup = match import.judge(name, marker) {
            Verdict::Import(backup) => backup,
            Verdict::Leave(reason) => {
                info!(backup = name, "not imported: {reason}");
                return Ok(());
            }
            Verdict::Refuse(reason) => return self.report(&problems::UNREADABLE, name, &reason).await,
        };
        if let Some(finding) = self.altered(name).await? {
            return self.report(&problems::ALTERED, name, &finding.to_string()).await;
        }
        self.write(import, name, *backup, known).await
    }

    /// What in the backup is not as its manifest says; backups of Velero have none.
    async fn altered(&self, name: &str) -> Result<Option<Finding>> {
        let findings = verify_manifest(self.store.as_ref(), name, Depth::Sizes).await?;
        let harmless = |finding: &Finding| matches!(finding.mismatch, Mismatch::NoManifest | Mismatch::Unlisted);
        Ok(findings.into_iter().find(|finding| !harmless(finding)))
    }

    /// Creates the Backup, then what belongs to it. It is marked until that is complete.
    async fn write(&self, import: &Import<'_>, name: &str, mut backup: Value, known: Option<&Value>) -> Result<()> {
        let volumes: Vec<Value> =
            match read_backup_list(self.store.as_ref(), name, BackupFile::PodVolumeBackups).await.map_err(Error::from) {
                Err(error @ Error::Store(_)) => return Err(error),
                Err(error) => return self.report(&problems::UNREADABLE, name, &format!("failed to {error}")).await,
                Ok(volumes) => volumes,
            };
        if !volumes.is_empty() {
            engine::document::set_annotation(&mut backup, PENDING, "true");
        }
        let created = match known {
            Some(known) => known.clone(),
            None => match create::<Backup>(self.deps, &backup).await? {
                Some(created) => created,
                None => return Ok(()),
            },
        };
        for volume in volumes.into_iter().filter_map(|volume| import.volume(volume, &created)) {
            create::<PodVolumeBackup>(self.deps, &volume).await?;
        }
        if import::is_pending(&created) {
            patch::<Backup>(self.deps, name, json!({"metadata": {"annotations": {PENDING: null}}})).await?;
        }
        info!(backup = name, location = self.location.name(), "imported");
        Ok(())
    }

    /// Deletes the Backups of this location that are complete and no longer stored.
    async fn forget(&self, known: impl Iterator<Item = &Value>, stored: &BTreeSet<String>) -> Result<()> {
        let label = labelled(STORAGE_LOCATION, self.location.name());
        for backup in known.filter_map(|document| read::<Backup>(document).ok()) {
            let labels = backup.metadata.labels.iter().flatten();
            let ours = labels.into_iter().any(|(key, value)| format!("{key}={value}") == label);
            let complete = matches!(backup.status.phase, BackupPhase::Completed | BackupPhase::PartiallyFailed);
            if ours && complete && !stored.contains(backup.name()) {
                info!(backup = backup.name(), "it has gone from its location");
                delete::<Backup>(self.deps, backup.name(), backup.uid()).await?;
            }
        }
        Ok(())
    }

    async fn report(&self, code: &engine::problem::Code, name: &str, message: &str) -> Result<()> {
        let problem = Problem::new(code, Severity::Error, format!("backup {name}: {message}"));
        report(self.deps, self.document, "BackupNotImported", &problem).await;
        Ok(())
    }
}
