//! Bringing the Backups of a cluster in line with a bucket: what is to be imported, and what is gone.

use std::collections::{BTreeMap, BTreeSet};

use api::names::label_value;
use api::velero::v1::{Backup, BackupPhase, BackupStorageLocation, LocationPhase};
use api::{GoDuration, Kind, labels};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::location::due;
use crate::document::{list_mut, name, object_mut, set_label, text};
use crate::preview::is_dry_run;

/// What is so.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The location.
    pub location: &'a BackupStorageLocation,
    /// How often locations are looked through that do not say.
    pub period: GoDuration,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// List the location's backups, import and delete, and write `lastSyncedTime`.
    Sync,
    /// Look again then.
    Wait(Timestamp),
    /// Nothing, until it changes.
    Rest,
}

/// What is to be done next.
pub fn next(observed: &Observed<'_>, now: Timestamp) -> Step {
    let location = observed.location;
    let available = location.status.phase == Some(LocationPhase::Available);
    if !available || location.metadata().deletion_timestamp.is_some() {
        return Step::Rest;
    }
    // Before the first time, the epoch: overdue unless it is never due.
    let last = location.status.last_synced_time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    match due(last, location.spec.backup_sync_period, observed.period) {
        None => Step::Rest,
        Some(due) if due <= now => Step::Sync,
        Some(due) => Step::Wait(due),
    }
}

/// What a sync does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Folders whose backup is to be imported, if it can be.
    pub import: Vec<String>,
    /// Backups to delete from the cluster: the bucket does not have them any more.
    pub orphans: Vec<String>,
}

/// Compares the folders of a location's bucket with the Backups of the cluster.
pub fn plan(folders: &[String], backups: &[Backup], location: &str) -> Plan {
    let known: BTreeSet<&str> = backups.iter().map(Kind::name).collect();
    let stored: BTreeSet<&str> = folders.iter().map(String::as_str).collect();
    let label = label_value(location);
    let here = |backup: &&Backup| {
        backup.metadata().labels.as_ref().and_then(|labels| labels.get(labels::STORAGE_LOCATION))
            == Some(&label)
    };
    let ended = |backup: &&Backup| {
        matches!(backup.status.phase, BackupPhase::Completed | BackupPhase::PartiallyFailed)
    };
    // A dry run never was in the bucket.
    let real = |backup: &&Backup| !is_dry_run(backup.metadata().annotations.as_ref());
    let candidates = backups.iter().filter(here).filter(ended).filter(real);
    let gone = candidates.map(Kind::name).filter(|name| !stored.contains(name));
    Plan {
        import: stored.difference(&known).map(|name| (*name).to_owned()).collect(),
        orphans: gone.map(str::to_owned).collect(),
    }
}

/// Why a stored backup is not imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotImported {
    /// Another cluster is still writing it.
    #[error("failed to import the backup: another cluster is still writing it (phase {0})")]
    Unfinished(String),
    /// The marker does not hold a Backup of that name.
    #[error("failed to import the backup: {0}")]
    Invalid(String),
}

/// Where a backup is imported to.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The server's namespace.
    pub namespace: &'a str,
    /// The name of the location.
    pub location: &'a str,
    /// The UIDs of the Schedules of the namespace, by name.
    pub schedules: &'a BTreeMap<String, String>,
}

/// The Backup to create for a stored one. `folder` is where it lies.
pub fn import(
    stored: Value,
    folder: &str,
    to: &Destination<'_>,
    now: Timestamp,
) -> Result<Value, NotImported> {
    let mut document = stored;
    if text(&document, &["kind"]) != "Backup" || text(&document, &["apiVersion"]) != "velero.io/v1" {
        return Err(NotImported::Invalid("its marker is not a Backup of velero.io/v1".to_owned()));
    }
    if name(&document) != folder {
        return Err(NotImported::Invalid(format!("its marker names it {:?}", name(&document))));
    }
    settle_phase(&mut document, now)?;
    for field in [
        "creationTimestamp",
        "finalizers",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    ] {
        crate::document::remove(&mut document, &["metadata", field]);
    }
    drop_foreign_owners(&mut document, to.schedules);
    json_patch::merge(
        &mut document,
        &json!({
            "metadata": {"namespace": to.namespace},
            "spec": {"storageLocation": to.location},
        }),
    );
    set_label(&mut document, labels::STORAGE_LOCATION, &label_value(to.location));
    Ok(document)
}

/// A backup that has not ended is somebody else's, unless it has expired: then it is imported to be deleted.
fn settle_phase(document: &mut Value, now: Timestamp) -> Result<(), NotImported> {
    let phase = text(document, &["status", "phase"]).to_owned();
    if phase.parse::<BackupPhase>().is_ok_and(BackupPhase::is_terminal) {
        return Ok(());
    }
    let expiration = text(document, &["status", "expiration"]).parse::<Timestamp>();
    if expiration.is_ok_and(|expiration| expiration <= now) {
        document["status"]["phase"] = json!(BackupPhase::PartiallyFailed);
        return Ok(());
    }
    Err(NotImported::Unfinished(phase))
}

/// Owners that are Schedules stay only if they are the same Schedules here.
fn drop_foreign_owners(document: &mut Value, schedules: &BTreeMap<String, String>) {
    if let Some(owners) = list_mut(document, &["metadata", "ownerReferences"]) {
        owners.retain(|owner| {
            let same =
                schedules.get(text(owner, &["name"])).map(String::as_str) == Some(text(owner, &["uid"]));
            text(owner, &["kind"]) != "Schedule" || same
        });
        if owners.is_empty() {
            crate::document::remove(document, &["metadata", "ownerReferences"]);
        }
    }
}

/// The PodVolumeBackup to create for a stored one, of the imported backup with UID `backup`.
pub fn import_pod_volume(stored: Value, backup: &str, to: &Destination<'_>) -> Value {
    let mut document = stored;
    for field in ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"] {
        crate::document::remove(&mut document, &["metadata", field]);
    }
    for owner in list_mut(&mut document, &["metadata", "ownerReferences"]).into_iter().flatten() {
        if text(owner, &["kind"]) == "Backup" {
            owner["uid"] = Value::from(backup);
        }
    }
    if let Some(labels) = object_mut(&mut document, &["metadata", "labels"])
        && let Some(uid) = labels.get_mut(labels::BACKUP_UID)
    {
        *uid = Value::from(backup);
    }
    json_patch::merge(
        &mut document,
        &json!({
            "metadata": {"namespace": to.namespace},
            "spec": {"backupStorageLocation": to.location},
        }),
    );
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T00:01:00Z";

    fn check_due(document: Value, expect: Step) {
        let location = BackupStorageLocation::from_document(&document).unwrap();
        let observed = Observed { location: &location, period: GoDuration::from_mins(1) };
        assert_eq!(next(&observed, NOW.parse().unwrap()), expect, "{document}");
    }

    #[test]
    fn available_locations_are_looked_through_when_due() {
        let at = |period: Value, last: Value| json!({"spec": {"backupSyncPeriod": period}, "status": {"phase": "Available", "lastSyncedTime": last}});
        check_due(at(json!(null), json!(null)), Step::Sync);
        check_due(at(json!(null), json!("2026-01-01T00:00:00Z")), Step::Sync);
        check_due(
            at(json!("5m"), json!("2026-01-01T00:00:00Z")),
            Step::Wait("2026-01-01T00:05:00Z".parse().unwrap()),
        );
        check_due(
            at(json!("-1s"), json!("2026-01-01T00:00:30Z")),
            Step::Wait("2026-01-01T00:01:30Z".parse().unwrap()),
        );
        check_due(at(json!("0s"), json!(null)), Step::Rest);
        check_due(json!({"status": {"phase": "Unavailable"}}), Step::Rest);
        check_due(json!({}), Step::Rest);
    }

    #[test]
    fn strangers_come_and_orphans_go() {
        let backup = |name: &str, location: &str, phase: &str| {
            let labels = json!({"velero.io/storage-location": location});
            Backup::from_document(
                &json!({"metadata": {"name": name, "labels": labels}, "status": {"phase": phase}}),
            )
            .unwrap()
        };
        let backups = [
            backup("here", "default", "Completed"),
            backup("gone", "default", "PartiallyFailed"),
            backup("failed", "default", "Failed"),
            backup("running", "default", "InProgress"),
            backup("elsewhere", "other", "Completed"),
            backup("taken", "other", "Completed"),
        ];
        let folders = ["here", "new", "taken"].map(str::to_owned);
        let expect = Plan { import: vec!["new".into()], orphans: vec!["gone".into()] };
        assert_eq!(plan(&folders, &backups, "default"), expect);
    }

    fn imported(change: Value) -> Result<Value, NotImported> {
        let mut stored = json!({"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "b1"},
            "status": {"phase": "Completed"}});
        json_patch::merge(&mut stored, &change);
        let schedules = BTreeMap::from([("nightly".to_owned(), "s1".to_owned())]);
        let to = Destination { namespace: "velero", location: "default", schedules: &schedules };
        import(stored, "b1", &to, NOW.parse().unwrap())
    }

    #[test]
    fn an_imported_backup_belongs_here() {
        let owner = |kind: &str, uid: &str| json!({"kind": kind, "name": "nightly", "uid": uid});
        let document = imported(json!({
            "metadata": {"namespace": "old", "uid": "u", "resourceVersion": "1", "generation": 2, "finalizers": ["f"],
                "creationTimestamp": "t", "managedFields": [], "labels": {"a": "b"},
                "ownerReferences": [owner("Schedule", "s1"), owner("Schedule", "s2"), owner("Other", "x")]},
            "spec": {"storageLocation": "theirs", "novel": 1},
        }));
        assert_eq!(
            document.unwrap(),
            json!({"apiVersion": "velero.io/v1", "kind": "Backup",
                "metadata": {"name": "b1", "namespace": "velero", "labels": {"a": "b", "velero.io/storage-location": "default"},
                    "ownerReferences": [owner("Schedule", "s1"), owner("Other", "x")]},
                "spec": {"storageLocation": "default", "novel": 1}, "status": {"phase": "Completed"}})
        );
    }

    #[test]
    fn what_is_being_written_or_is_no_backup_stays_out() {
        for phase in
            ["", "New", "InProgress", "Finalizing", "WaitingForPluginOperationsPartiallyFailed", "Novel"]
        {
            let error = imported(json!({"status": {"phase": phase}})).unwrap_err();
            assert_eq!(error, NotImported::Unfinished(phase.into()));
        }
        let expired =
            imported(json!({"status": {"phase": "Finalizing", "expiration": "2026-01-01T00:00:00Z"}}));
        assert_eq!(expired.unwrap()["status"]["phase"], "PartiallyFailed");
        assert_eq!(imported(json!({"status": {"phase": "Failed"}})).unwrap()["status"]["phase"], "Failed");
        for change in
            [json!({"kind": "Restore"}), json!({"apiVersion": "v1"}), json!({"metadata": {"name": "b2"}})]
        {
            assert!(matches!(imported(change), Err(NotImported::Invalid(_))));
        }
    }

    #[test]
    fn pod_volume_backups_follow_their_backup() {
        let stored = json!({"metadata": {"name": "p", "uid": "u", "labels": {"velero.io/backup-uid": "old"},
            "ownerReferences": [{"kind": "Backup", "uid": "old"}]}, "spec": {"backupStorageLocation": "theirs"}});
        let to = Destination { namespace: "velero", location: "default", schedules: &BTreeMap::new() };
        assert_eq!(
            import_pod_volume(stored, "new", &to),
            json!({"metadata": {"name": "p", "namespace": "velero", "labels": {"velero.io/backup-uid": "new"},
                "ownerReferences": [{"kind": "Backup", "uid": "new"}]}, "spec": {"backupStorageLocation": "default"}})
        );
    }
}
