//! Native snapshots of volumes, made by plugins.

use serde::{Deserialize, Serialize};

/// One native snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NativeSnapshot {
    /// Of what.
    pub spec: NativeSnapshotSpec,
    /// How it went.
    pub status: NativeSnapshotStatus,
}

/// What a native snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NativeSnapshotSpec {
    /// The Backup's name.
    pub backup_name: String,
    /// The Backup's UID.
    #[serde(rename = "backupUID")]
    pub backup_uid: String,
    /// The snapshot location.
    pub location: String,
    /// The name of the persistent volume.
    pub persistent_volume_name: String,
    /// The provider's name for the volume.
    #[serde(rename = "providerVolumeID")]
    pub provider_volume_id: String,
    /// The provider's type of volume.
    pub volume_type: String,
    /// The zone of the volume.
    #[serde(rename = "volumeAZ", skip_serializing_if = "String::is_empty")]
    pub volume_az: String,
    /// The operations a second that the volume was made for.
    #[serde(rename = "volumeIOPS", skip_serializing_if = "Option::is_none")]
    pub volume_iops: Option<i64>,
}

/// How a native snapshot went.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NativeSnapshotStatus {
    /// The provider's name for the snapshot.
    #[serde(rename = "providerSnapshotID", skip_serializing_if = "String::is_empty")]
    pub provider_snapshot_id: String,
    /// Where it is in its life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<SnapshotPhase>,
}

/// Where a native snapshot is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotPhase {
    /// Asked for.
    New,
    /// Taken.
    Completed,
    /// Not taken.
    Failed,
}
