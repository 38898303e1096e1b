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
    /// Whether it is known that the backup has no data outside its folder.
    pub data_checked: bool,
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
    /// See whether the backup has data outside its folder, which would be lost sight of with it: an error.
    CheckData,
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
    // After an error nothing more is deleted.
    if !progress.errors.is_empty() {
        Step::Finish(progress.errors.clone())
    } else if !progress.data_checked {
        Step::CheckData
    } else if backup.status.phase != BackupPhase::Deleting {
        Step::MarkBackup
    } else if !progress.files_gone {
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
    let errors: Vec<String> = left.collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const MADE: &str = "2026-01-01T00:00:00Z";

    struct World {
        request: Value,
        backup: Option<Value>,
        location: Option<Value>,
        progress: Progress,
    }

    impl World {
        fn new(phase: &str, backup: &str) -> Self {
            let request = json!({"metadata": {"creationTimestamp": MADE}, "spec": {"backupName": "b1"},
                "status": {"phase": phase}});
            let backup = json!({"metadata": {"name": "b1"}, "spec": {"storageLocation": "default"},
                "status": {"phase": backup}});
            let location = json!({"metadata": {"name": "default"}, "status": {"phase": "Available"}});
            Self { request, backup: Some(backup), location: Some(location), progress: Progress::default() }
        }

        fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
            change(&mut self);
            self
        }

        fn check(&self, now: &str, expect: Step) {
            let request = DeleteBackupRequest::from_document(&self.request).unwrap();
            let backup = self.backup.as_ref().map(|of| Backup::from_document(of).unwrap());
            let location = self.location.as_ref().map(|of| BackupStorageLocation::from_document(of).unwrap());
            let observed = Observed {
                request: &request,
                backup: backup.as_ref(),
                location: location.as_ref(),
                progress: &self.progress,
            };
            assert_eq!(next(&observed, now.parse().unwrap()), expect);
        }
    }

    fn errors(of: &[&str]) -> Step {
        Step::Finish(of.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn requests_that_cannot_be_met_are_refused() {
        let new = || World::new("New", "Completed");
        new().check(MADE, Step::Begin);
        World::new("New", "Deleting").check(MADE, Step::Begin);
        World::new("New", "Failed").check(MADE, Step::Begin);
        new()
            .with(|of| of.request["spec"]["backupName"] = json!(""))
            .check(MADE, errors(&["spec.backupName is required"]));
        new().with(|of| of.backup = None).check(MADE, errors(&["backup not found"]));
        for phase in ["", "Queued", "InProgress", "WaitingForPluginOperations", "Finalizing"] {
            World::new("New", phase).check(MADE, errors(&["backup is still in progress"]));
        }
        let missing = "backup storage location default not found";
        new().with(|of| of.location = None).check(MADE, errors(&[missing]));
        let refuse = |change: Value, expect: &str| {
            let location = |of: &mut World| json_patch::merge(of.location.as_mut().unwrap(), &change);
            new().with(location).check(MADE, errors(&[expect]));
        };
        refuse(
            json!({"spec": {"accessMode": "ReadOnly"}}),
            "cannot delete backup because backup storage location default is currently in read-only mode",
        );
        refuse(
            json!({"status": {"phase": "Unavailable"}}),
            "cannot delete backup because backup storage location default is not available",
        );
    }

    #[test]
    fn the_work_is_done_in_order() {
        let mut world = World::new("InProgress", "Completed");
        world.check(MADE, Step::CheckData);
        world.progress.data_checked = true;
        world.check(MADE, Step::MarkBackup);
        let mut world = World::new("InProgress", "Deleting");
        world.check(MADE, Step::CheckData);
        world.progress.data_checked = true;
        world.check(MADE, Step::DeleteFiles);
        world.progress.files_gone = true;
        world.progress.restores = vec!["r1".into()];
        world.check(MADE, Step::DeleteRestores(vec!["r1".into()]));
        world.progress.restores_deleted = true;
        world.progress.began = Some(MADE.parse().unwrap());
        world.check(MADE, Step::Wait("2026-01-01T00:00:01Z".parse().unwrap()));
        world.check("2026-01-01T00:01:00Z", errors(&["restore r1 is not gone yet"]));
        world.progress.restores.clear();
        world.check(MADE, Step::DeleteBackup);
        world.backup = None;
        world.check(MADE, errors(&[]));
    }

    #[test]
    fn errors_keep_the_files_the_restores_and_the_backup() {
        let mut world = World::new("InProgress", "Deleting");
        let (errors_found, restores) = (vec!["no".into()], vec!["r1".into()]);
        world.progress =
            Progress { data_checked: true, errors: errors_found, restores, ..Progress::default() };
        world.check(MADE, errors(&["no"]));
        world.location = None;
        world.check(MADE, errors(&["no", "backup storage location default not found"]));
    }

    #[test]
    fn a_deletion_has_a_deadline() {
        let late = "the deletion did not end within a day: delete the backup again";
        World::new("InProgress", "Deleting").check("2026-01-02T00:00:00Z", errors(&[late]));
    }

    #[test]
    fn requests_go_at_once_or_after_a_day() {
        let processed = || World::new("Processed", "Completed");
        processed().check(MADE, Step::DeleteRequests);
        let failed = processed().with(|of| of.request["status"]["errors"] = json!(["no"]));
        failed.check(MADE, Step::Wait("2026-01-02T00:00:00Z".parse().unwrap()));
        failed.check("2026-01-02T00:00:00Z", Step::DeleteRequests);
    }

    #[test]
    fn what_is_gone_already_is_no_error() {
        assert!(means_gone("NoSuchKey: the key does not exist") && means_gone("404 Not Found"));
        assert!(!means_gone("403 Forbidden"));
    }
}
