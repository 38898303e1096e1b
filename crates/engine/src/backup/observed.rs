//! What an executor looked at before it asks what to do.

use std::collections::BTreeMap;

use api::GoDuration;
use api::labels::EXCLUDE_FROM_BACKUP;
use api::velero::v1::{BackupStorageLocation, VolumeSnapshotLocation};
use serde_json::Value;

use crate::catalog::Catalog;
use crate::document::{labels, name, text};
use crate::policy::Sources;

/// What is so in the cluster.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The types that the cluster has.
    pub catalog: Catalog,
    /// All namespaces.
    pub namespaces: Vec<NamespaceFacts>,
    /// The backup locations of the server's namespace.
    pub locations: Vec<BackupStorageLocation>,
    /// The snapshot locations of the server's namespace.
    pub snapshot_locations: Vec<VolumeSnapshotLocation>,
    /// The version of the cluster.
    pub version: Version,
    /// The resource policies that the backup follows.
    pub policies: Sources,
}

/// What is known of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its phase: `Active` or `Terminating`.
    pub phase: String,
}

impl NamespaceFacts {
    /// The facts of a Namespace document.
    pub fn of(document: &Value) -> Self {
        Self {
            name: name(document).to_owned(),
            labels: labels(document),
            phase: text(document, &["status", "phase"]).to_owned(),
        }
    }

    /// Whether a label keeps it out of all backups.
    pub fn excluded(&self) -> bool {
        self.labels.get(EXCLUDE_FROM_BACKUP).is_some_and(|value| value == "true")
    }

    /// Whether it is there to stay.
    pub fn active(&self) -> bool {
        self.phase == "Active"
    }
}

/// The version of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// Such as `v1.34.4`.
    pub git: String,
    /// Such as `1`.
    pub major: String,
    /// Such as `34`.
    pub minor: String,
}

/// What the server's flags say where a Backup does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// How long backups are kept.
    pub ttl: GoDuration,
    /// How long snapshots may take to be usable.
    pub csi_snapshot_timeout: GoDuration,
    /// How long work in the background may take.
    pub item_operation_timeout: GoDuration,
    /// The label by which claims are snapshotted together.
    pub volume_group_snapshot_label_key: String,
    /// Whether pod volumes are backed up through the file system.
    pub volumes_to_fs_backup: bool,
    /// Whether the data of snapshots is moved.
    pub snapshot_move_data: bool,
    /// The location of backups, where none is marked as the default.
    pub storage_location: String,
    /// The snapshot location of each provider.
    pub snapshot_locations: BTreeMap<String, String>,
    /// How long to wait for one resource.
    pub resource_timeout: GoDuration,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            ttl: GoDuration::from_hours(720),
            csi_snapshot_timeout: GoDuration::from_mins(10),
            item_operation_timeout: GoDuration::from_hours(4),
            volume_group_snapshot_label_key: "velero.io/volume-group".into(),
            volumes_to_fs_backup: false,
            snapshot_move_data: false,
            storage_location: "default".into(),
            snapshot_locations: BTreeMap::new(),
            resource_timeout: GoDuration::from_mins(10),
        }
    }
}
