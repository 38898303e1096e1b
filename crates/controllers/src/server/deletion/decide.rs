//! What is to be done about a DeleteBackupRequest: pure.

use api::Kind;
use api::labels::BACKUP_UID;
use api::velero::v1::{
    AccessMode, Backup, BackupPhase, BackupStorageLocation, DeleteBackupRequest, DeleteBackupRequestPhase,
    LocationPhase,
};
use serde_json::Value;
use store::bucket::BackupFile;

/// The lists of a backup that name data outside its folder.
pub(super) const VOLUME_FILES: [(BackupFile, &str); 5] = [
    (BackupFile::VolumeSnapshots, "native snapshots"),
    (BackupFile::PodVolumeBackups, "file system backups of volumes"),
    (BackupFile::ItemOperations, "operations that moved data"),
    (BackupFile::CsiVolumeSnapshots, "CSI snapshots"),
    (BackupFile::VolumeInfo, "volumes with data"),
];

/// Whether an entry of such a list stands for data.
pub(super) fn holds_data(file: BackupFile, entry: &Value) -> bool {
    match file {
        BackupFile::VolumeInfo => entry["backupMethod"].as_str().is_some_and(|method| !method.is_empty()),
        _ => true,
    }
}

/// What is so.
pub(super) struct Observed<'a> {
    pub(super) request: &'a DeleteBackupRequest,
    pub(super) backup: Option<&'a Backup>,
    pub(super) location: Option<&'a BackupStorageLocation>,
}

/// What is done about it.
#[derive(Debug, PartialEq)]
pub(super) enum Decision<'a> {
    /// Nothing, for this reason.
    Refuse(String),
    /// The backup goes.
    Delete(&'a Backup, &'a BackupStorageLocation),
    /// An earlier run deleted the backup; only the request is left.
    Finish,
}

/// Decides; the words of a refusal are Velero's.
pub(super) fn decide<'a>(observed: &Observed<'a>) -> Decision<'a> {
    let Observed { request, backup, location } = *observed;
    if request.spec.backup_name.is_empty() {
        return Decision::Refuse("spec.backupName is required".to_owned());
    }
    let begun = request.status.phase == DeleteBackupRequestPhase::InProgress;
    let meant = request.metadata.labels.as_ref().and_then(|labels| labels.get(BACKUP_UID));
    let Some(backup) = backup.filter(|backup| !begun || meant.is_none_or(|uid| uid == backup.uid())) else {
        return if begun { Decision::Finish } else { Decision::Refuse("backup not found".to_owned()) };
    };
    if is_at_work(backup.status.phase) {
        return Decision::Refuse("backup is still in progress".to_owned());
    }
    let name = &backup.spec.storage_location;
    let Some(location) = location else {
        return Decision::Refuse(format!("backup storage location {name} not found"));
    };
    let refuse = |state: &str| {
        Decision::Refuse(format!("cannot delete backup because backup storage location {name} is currently in {state}"))
    };
    if location.spec.access_mode == AccessMode::ReadOnly {
        return refuse("read-only mode");
    }
    match location.status.phase {
        Some(LocationPhase::Available) => Decision::Delete(backup, location),
        _ => refuse("Unavailable state"),
    }
}

fn is_at_work(phase: BackupPhase) -> bool {
    match phase {
        BackupPhase::InProgress
        | BackupPhase::WaitingForPluginOperations
        | BackupPhase::WaitingForPluginOperationsPartiallyFailed
        | BackupPhase::Finalizing
        | BackupPhase::FinalizingPartiallyFailed => true,
        BackupPhase::New
        | BackupPhase::Queued
        | BackupPhase::ReadyToStart
        | BackupPhase::FailedValidation
        | BackupPhase::Completed
        | BackupPhase::PartiallyFailed
        | BackupPhase::Failed
        | BackupPhase::Deleting
        | BackupPhase::Unknown => false,
    }
}
