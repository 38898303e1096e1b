//! What becomes of a backup of the bucket in this cluster: pure.

use std::collections::BTreeSet;

use api::Kind;
use api::labels::{BACKUP_UID, STORAGE_LOCATION};
use api::names::label_value;
use api::velero::v1::{BackupPhase, BackupStorageLocation};
use engine::document::{annotation, label, list, name, object_mut, set_label, text, uid};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::deps::Deps;

/// Annotation on an imported Backup until all that belongs to it is imported.
pub(super) const PENDING: &str = "salvor.io/import-pending";

/// Fields of metadata that the cluster gives anew.
const OF_THE_CLUSTER: [&str; 8] = [
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "managedFields",
    "selfLink",
    "finalizers",
    "deletionTimestamp",
];

/// What an import needs to know of this cluster.
pub(super) struct Import<'a> {
    namespace: &'a str,
    location: &'a str,
    schedules: BTreeSet<(&'a str, &'a str)>,
    now: Timestamp,
}

/// What is done with a stored backup.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// It becomes this Backup.
    Import(Box<Value>),
    /// Not now: somebody is still at it.
    Leave(String),
    /// It is no backup of that name.
    Refuse(String),
}

/// Whether an import of this Backup was begun and not completed.
pub(super) fn is_pending(backup: &Value) -> bool {
    annotation(backup, PENDING).is_some()
}

impl<'a> Import<'a> {
    /// Imports into the server's namespace.
    pub(super) fn new(deps: &'a Deps, location: &'a BackupStorageLocation, schedules: &'a [Value]) -> Self {
        let schedules = schedules.iter().map(|schedule| (name(schedule), uid(schedule))).collect();
        Self { namespace: deps.namespace(), location: location.name(), schedules, now: deps.now() }
    }

    /// What is done with the marker that lies in the folder `folder`.
    pub(super) fn judge(&self, folder: &str, mut marker: Value) -> Verdict {
        if text(&marker, &["kind"]) != "Backup" || !text(&marker, &["apiVersion"]).starts_with("velero.io/") {
            return Verdict::Refuse("its marker does not hold a Backup".to_owned());
        }
        if name(&marker) != folder {
            return Verdict::Refuse(format!("its marker names another backup, {:?}", name(&marker)));
        }
        match self.phase(&marker) {
            Ok(phase) => marker["status"]["phase"] = json!(phase),
            Err(reason) => return Verdict::Leave(reason),
        }
        self.adopt(&mut marker);
        if !marker["spec"].is_object() {
            marker["spec"] = json!({});
        }
        marker["spec"]["storageLocation"] = json!(self.location);
        set_label(&mut marker, STORAGE_LOCATION, &label_value(self.location));
        Verdict::Import(Box::new(marker))
    }

    /// The phase that it has here. One that another server still works on is left alone, unless it has
    /// expired: then it is there to be deleted.
    fn phase(&self, marker: &Value) -> Result<BackupPhase, String> {
        let phase: BackupPhase = text(marker, &["status", "phase"]).parse().unwrap_or(BackupPhase::Unknown);
        match phase {
            BackupPhase::Completed
            | BackupPhase::PartiallyFailed
            | BackupPhase::Failed
            | BackupPhase::FailedValidation => Ok(phase),
            BackupPhase::WaitingForPluginOperations
            | BackupPhase::WaitingForPluginOperationsPartiallyFailed
            | BackupPhase::Finalizing
            | BackupPhase::FinalizingPartiallyFailed
                if self.is_expired(marker) =>
            {
                Ok(BackupPhase::PartiallyFailed)
            }
            phase => Err(format!("its phase is {phase}: another server is at work on it")),
        }
    }

    fn is_expired(&self, marker: &Value) -> bool {
        let expiration = text(marker, &["status", "expiration"]).parse::<Timestamp>();
        expiration.is_ok_and(|expiration| expiration <= self.now)
    }

    /// The PodVolumeBackup of an imported Backup; `None` for what is no such thing.
    pub(super) fn volume(&self, mut volume: Value, backup: &Value) -> Option<Value> {
        if text(&volume, &["metadata", "name"]).is_empty() || !volume["spec"].is_object() {
            return None;
        }
        volume["apiVersion"] = json!("velero.io/v1");
        volume["kind"] = json!("PodVolumeBackup");
        self.adopt(&mut volume);
        let owner = json!([{
            "apiVersion": "velero.io/v1", "kind": "Backup", "name": name(backup), "uid": uid(backup), "controller": true,
        }]);
        volume["metadata"]["ownerReferences"] = owner;
        volume["spec"]["backupStorageLocation"] = json!(self.location);
        if label(&volume, BACKUP_UID).is_some() {
            set_label(&mut volume, BACKUP_UID, uid(backup));
        }
        Some(volume)
    }

    /// Makes a document one of this cluster and namespace, owned by nobody who is not here.
    fn adopt(&self, document: &mut Value) {
        let owners: Vec<Value> =
            list(document, &["metadata", "ownerReferences"]).iter().filter(|owner| self.is_here(owner)).cloned().collect();
        let Some(metadata) = object_mut(document, &["metadata"]) else { return };
        for field in OF_THE_CLUSTER {
            metadata.remove(field);
        }
        metadata.remove("ownerReferences");
        if !owners.is_empty() {
            metadata.insert("ownerReferences".to_owned(), Value::Array(owners));
        }
        metadata.insert("namespace".to_owned(), json!(self.namespace));
    }

    fn is_here(&self, owner: &Value) -> bool {
        text(owner, &["kind"]) != "Schedule" || self.schedules.contains(&(text(owner, &["name"]), text(owner, &["uid"])))
    }
}
