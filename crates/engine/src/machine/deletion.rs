//! The deletion of backups, asked for by a DeleteBackupRequest. What a killed server began is gone on with.

use api::Kind;
use api::velero::v1::DeleteBackupRequestPhase as Phase;
use api::velero::v1::{
    AccessMode, Backup, BackupPhase, BackupStorageLocation, DeleteBackupRequest, LocationPhase,
};
use jiff::{SignedDuration, Timestamp};

/// How long a request stays that has ended, and may go on that has not.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How long to wait for Restores to go.
const RESTORES_WAIT: SignedDuration = SignedDuration::from_secs(60);
/// Between two looks at something that goes away by itself.
const POLL: SignedDuration = SignedDuration::from_secs(1);

/// What is so.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The request.
    pub request: &'a DeleteBackupRequest,
    /// The other requests for the same backup, by name.
    pub others: &'a [String],
    /// The backup.
    pub backup: Option<&'a Backup>,
    /// The backup's location.
    pub location: Option<&'a BackupStorageLocation>,
    /// How far the deletion is.
    pub progress: &'a Progress,
}

/// How far a deletion is, as far as it can be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// When this process began with it.
    pub began: Option<Timestamp>,
    /// Whether the data of volumes has been deleted, as far as it can be.
    pub data_gone: bool,
    /// Whether no object is left below the backup's folder.
    pub files_gone: bool,
    /// The Restores of the backup that are left, by name.
    pub restores: Vec<String>,
    /// Whether those Restores were told to go.
    pub restores_deleted: bool,
    /// What could not be deleted.
    pub errors: Vec<String>,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Set the request `Processed`, with these errors.
    Finish(Vec<String>),
    /// Delete the other requests, set this one `InProgress` and label it with the backup's name and UID.
    Begin,
    /// Set the backup `Deleting`.
    MarkBackup,
    /// Delete what was snapshotted and moved; errors are kept and do not stop the rest.
    DeleteData,
    /// Delete the backup's files, its marker `velero-backup.json` before all others.
    DeleteFiles,
    /// Delete these Restores; their finalizers take care of their files.
    DeleteRestores(Vec<String>),
    /// Delete the Backup.
    DeleteBackup,
    /// Delete this request and the others for the backup.
    DeleteRequests,
    /// Look again then.
    Wait(Timestamp),
}

/// What is to be done next.
pub fn next(observed: &Observed<'_>, now: Timestamp) -> Step {
    match observed.request.status.phase {
        Phase::Processed => processed(observed, now),
        Phase::InProgress => work(observed, now),
        Phase::New | Phase::Unknown => {
            refusal(observed).map_or(Step::Begin, |reason| Step::Finish(vec![reason]))
        }
    }
}

/// A request that went well goes at once; one with errors stays to be read.
fn processed(observed: &Observed<'_>, now: Timestamp) -> Step {
    let until = expiry(observed.request);
    if observed.request.status.errors.is_empty() || until <= now {
        Step::DeleteRequests
    } else {
        Step::Wait(until)
    }
}

fn expiry(request: &DeleteBackupRequest) -> Timestamp {
    let made = request.metadata().creation_timestamp.as_ref().map_or(Timestamp::MIN, |time| time.0);
    made.saturating_add(KEPT).unwrap_or(Timestamp::MAX)
}

/// Why a request is refused.
fn refusal(observed: &Observed<'_>) -> Option<String> {
    if observed.request.spec.backup_name.is_empty() {
        return Some("spec.backupName is required".to_owned());
    }
    let Some(backup) = observed.backup else { return Some("backup not found".to_owned()) };
    if !backup.status.phase.is_terminal() && backup.status.phase != BackupPhase::Deleting {
        return Some("backup is still in progress".to_owned());
    }
    unusable(&backup.spec.storage_location, observed.location)
}

/// Why nothing can be deleted from a location.
fn unusable(name: &str, location: Option<&BackupStorageLocation>) -> Option<String> {
    let Some(location) = location else { return Some(format!("backup storage location {name} not found")) };
    if location.spec.access_mode == AccessMode::ReadOnly {
        return Some(format!(
            "cannot delete backup because backup storage location {name} is currently in read-only mode"
        ));
    }
    let available = location.status.phase == Some(LocationPhase::Available);
    (!available)
        .then(|| format!("cannot delete backup because backup storage location {name} is not available"))
}

fn work(observed: &Observed<'_>, now: Timestamp) -> Step {
    let progress = observed.progress;
    let Some(backup) = observed.backup else { return Step::Finish(progress.errors.clone()) };
    if expiry(observed.request) <= now {
        let late = "the deletion did not end within a day: delete the backup again".to_owned();
        return Step::Finish(progress.errors.iter().cloned().chain([late]).collect());
    }
    if let Some(reason) = unusable(&backup.spec.storage_location, observed.location) {
        return Step::Finish(progress.errors.iter().cloned().chain([reason]).collect());
    }
    if backup.status.phase != BackupPhase::Deleting {
        Step::MarkBackup
    } else if !progress.data_gone {
        Step::DeleteData
    } else if !progress.files_gone && progress.errors.is_empty() {
        Step::DeleteFiles
    } else if !progress.restores.is_empty() && !progress.restores_deleted {
        Step::DeleteRestores(progress.restores.clone())
    } else if !progress.restores.is_empty() && !waited(progress, now) {
        Step::Wait(now.saturating_add(POLL).unwrap_or(Timestamp::MAX))
    } else {
        last(progress)
    }
}

fn last(progress: &Progress) -> Step {
    let left = progress.restores.iter().map(|restore| format!("restore {restore} is not gone yet"));
    let errors: Vec<String> = progress.errors.iter().cloned().chain(left).collect();
    if errors.is_empty() { Step::DeleteBackup } else { Step::Finish(errors) }
}

fn waited(progress: &Progress, now: Timestamp) -> bool {
    let until = progress.began.map(|began| began.saturating_add(RESTORES_WAIT).unwrap_or(Timestamp::MAX));
    until.is_none_or(|until| until <= now)
}

/// Whether an error of a store means that what was to be deleted is gone.
pub fn means_gone(error: &str) -> bool {
    let error = error.to_lowercase();
    let said = ["not found", "does not exist", "nosuchkey", "blobnotfound", "objectnotexist"];
    said.iter().any(|words| error.contains(words))
}
