//! The files that lie beside an archive in the bucket, as values with the exact JSON names that Velero reads.
//!
//! Empty lists are written as Velero writes them, `[]` here and `null` there, and both are read.

mod operations;
mod resource_list;
mod snapshots;
mod volume_info;

pub use operations::{Operation, OperationPhase, OperationSpec, OperationStatus, ResourceIdentifier};
pub use resource_list::ResourceList;
pub use snapshots::{NativeSnapshot, NativeSnapshotSpec, NativeSnapshotStatus, SnapshotPhase};
pub use volume_info::{
    BackupMethod, CsiSnapshotInfo, DataMovementInfo, NativeSnapshotInfo, PodVolumeInfo, PvInfo, VolumeInfo,
    VolumeResult,
};

use api::velero::v1::PodVolumeBackup;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::backup::BackupPlan;
use crate::problem::Problem;
use crate::results::Results;

/// The side files of a backup.
#[derive(Debug, Clone, Default)]
pub struct SideFiles {
    /// `B-resource-list.json.gz`.
    pub resource_list: ResourceList,
    /// `B-results.gz`.
    pub results: Results,
    /// `B-volumeinfo.json.gz`.
    pub volume_info: Vec<VolumeInfo>,
    /// `B-itemoperations.json.gz`.
    pub operations: Vec<Operation>,
    /// `B-volumesnapshots.json.gz`.
    pub snapshots: Vec<NativeSnapshot>,
    /// `B-podvolumebackups.json.gz`.
    pub pod_volumes: Vec<PodVolumeBackup>,
}

impl SideFiles {
    /// The files of a backup that stored the items of `plan` for which `stored` is true, and met `problems`.
    pub fn of(plan: &BackupPlan, stored: impl Fn(usize) -> bool, problems: &[Problem]) -> Self {
        Self {
            resource_list: ResourceList::of(plan, &stored),
            results: Results::of_backup(problems),
            volume_info: volume_info::of(plan, &stored),
            ..Self::default()
        }
    }

    /// The files by the end of their names, each as it is before gzip.
    pub fn encode(&self) -> serde_json::Result<Vec<(&'static str, Vec<u8>)>> {
        Ok(vec![
            ("resource-list.json.gz", encode(&self.resource_list)?),
            ("results.gz", encode(&self.results)?),
            ("volumeinfo.json.gz", encode(&self.volume_info)?),
            ("itemoperations.json.gz", encode(&self.operations)?),
            ("volumesnapshots.json.gz", encode(&null_if_empty(&self.snapshots))?),
            ("podvolumebackups.json.gz", encode(&null_if_empty(&self.pod_volumes))?),
        ])
    }
}

/// A value as the text of a file: JSON and a line feed.
pub fn encode(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    Ok(text)
}

/// A value from the text of a file; a file that says `null` is an empty one.
pub fn decode<T: DeserializeOwned + Default>(text: &[u8]) -> serde_json::Result<T> {
    Ok(serde_json::from_slice::<Option<T>>(text)?.unwrap_or_default())
}

fn null_if_empty<T>(list: &[T]) -> Option<&[T]> {
    (!list.is_empty()).then_some(list)
}

/// Reads `null` as the default.
pub(crate) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
