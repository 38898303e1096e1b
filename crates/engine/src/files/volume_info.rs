//! What became of the data of each volume, for the restore that decides by it.

use std::collections::BTreeMap;

use api::Time;
use serde::{Deserialize, Serialize};

use super::or_default;
use crate::backup::{BackupPlan, PersistentVolume, VolumeDecision};

/// What became of the data of one volume.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VolumeInfo {
    /// The claim.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pvc_name: String,
    /// The claim's namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pvc_namespace: String,
    /// The volume.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pv_name: String,
    /// How the data was backed up; absent where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_method: Option<BackupMethod>,
    /// Whether the data of a snapshot was moved to the repository.
    pub snapshot_data_moved: bool,
    /// Whether the snapshot is kept in the cluster.
    pub preserve_local_snapshot: bool,
    /// Whether the data is not in the backup.
    pub skipped: bool,
    /// Why it is not: `approach: reason;` for each way that was not gone.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub skipped_reason: String,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_timestamp: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_timestamp: Option<Time>,
    /// How it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<VolumeResult>,
    /// Of a CSI snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csi_snapshot_info: Option<CsiSnapshotInfo>,
    /// Of data that was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_data_movement_info: Option<DataMovementInfo>,
    /// Of a native snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_snapshot_info: Option<NativeSnapshotInfo>,
    /// Of a file system backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvb_info: Option<PodVolumeInfo>,
    /// Of the volume's object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pv_info: Option<PvInfo>,
}

/// How the data of a volume is backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackupMethod {
    /// By a plugin of its provider.
    NativeSnapshot,
    /// Through the file system of a pod.
    PodVolumeBackup,
    /// By its CSI driver, moved or not.
    #[serde(rename = "CSISnapshot")]
    CsiSnapshot,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeResult {
    /// Well.
    Succeeded,
    /// Not.
    Failed,
}

/// A CSI snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CsiSnapshotInfo {
    /// The driver's name for it.
    pub snapshot_handle: String,
    /// The size of a volume made from it.
    pub size: i64,
    /// The driver.
    pub driver: String,
    /// The VolumeSnapshotContent.
    pub vsc_name: String,
    /// The operation that made it.
    #[serde(rename = "operationID", skip_serializing_if = "String::is_empty")]
    pub operation_id: String,
    /// Whether it can be used.
    #[serde(rename = "ReadyToUse")]
    pub ready_to_use: Option<bool>,
    /// The driver's name for the group that it belongs to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub volume_group_snapshot_handle: String,
}

/// Data that was moved to a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DataMovementInfo {
    /// Who moved it.
    pub data_mover: String,
    /// The kind of repository.
    pub uploader_type: String,
    /// The snapshot that was kept.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub retained_snapshot: String,
    /// The repository's name for it.
    pub snapshot_handle: String,
    /// The operation that moved it.
    #[serde(rename = "operationID")]
    pub operation_id: String,
    /// Bytes in all.
    pub size: i64,
    /// Bytes that were new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incremental_size: Option<i64>,
    /// The phase of the DataUpload.
    #[serde(rename = "Phase")]
    pub phase: String,
}

/// A native snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NativeSnapshotInfo {
    /// The provider's name for it.
    pub snapshot_handle: String,
    /// The provider's type of volume.
    pub volume_type: String,
    /// The zone.
    #[serde(rename = "volumeAZ")]
    pub volume_az: String,
    /// Operations a second, as text.
    pub iops: String,
    /// The phase of the snapshot.
    #[serde(rename = "Phase")]
    pub phase: String,
}

/// A file system backup.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodVolumeInfo {
    /// The repository's name for it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub snapshot_handle: String,
    /// Bytes in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Bytes that were new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incremental_size: Option<i64>,
    /// The kind of repository.
    pub uploader_type: String,
    /// The pod's name for the volume.
    pub volume_name: String,
    /// The pod.
    pub pod_name: String,
    /// The pod's namespace.
    pub pod_namespace: String,
    /// The node that it ran on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    /// The phase of the PodVolumeBackup.
    #[serde(rename = "Phase")]
    pub phase: String,
}

/// What is applied again to a volume that is provisioned anew.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PvInfo {
    /// What becomes of it without its claim.
    pub reclaim_policy: String,
    /// Its labels.
    pub labels: Option<BTreeMap<String, String>>,
}

/// The entries of a plan: volumes whose objects are in the backup, and whose data is not.
pub(super) fn of(plan: &BackupPlan, stored: impl Fn(usize) -> bool) -> Vec<VolumeInfo> {
    let volumes: std::collections::HashSet<&str> = plan
        .items
        .iter()
        .enumerate()
        .filter(|(index, item)| {
            stored(*index) && plan.class(item).is_some_and(|of| of.resource.is("", "persistentvolumes"))
        })
        .map(|(_, item)| item.name.as_str())
        .collect();
    let with_volume = plan.volumes.iter().filter_map(|decision| Some((decision, decision.volume.as_ref()?)));
    let in_backup = with_volume.filter(|(_, volume)| volumes.contains(volume.name.as_str()));
    in_backup.map(|(decision, volume)| skipped(decision, volume)).collect()
}

fn skipped(decision: &VolumeDecision, volume: &PersistentVolume) -> VolumeInfo {
    let claim = decision.claim.as_ref();
    VolumeInfo {
        pvc_name: claim.map(|claim| claim.name.clone()).unwrap_or_default(),
        pvc_namespace: claim.and_then(|claim| claim.namespace.clone()).unwrap_or_default(),
        pv_name: volume.name.clone(),
        skipped: true,
        skipped_reason: format!("{}: {};", decision.approach(), decision.why_not()),
        pv_info: Some(PvInfo {
            reclaim_policy: volume.reclaim_policy.clone(),
            labels: (!volume.labels.is_empty()).then(|| volume.labels.clone()),
        }),
        ..VolumeInfo::default()
    }
}
