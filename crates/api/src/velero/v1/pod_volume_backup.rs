//! `PodVolumeBackup`: the backup of one volume of a pod through the file system.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::kind::{Column, kind};
use crate::refs::ObjectReference;
use crate::velero::data_move::{DataMovePhase, DataMoveProgress, UploaderType};
use crate::wire::wire_struct;

kind! {
    /// The backup of one volume of a pod through the file system.
    pub struct PodVolumeBackup {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "podvolumebackups";
        const SHORT_NAMES = ["pvb"];
        const COLUMNS = [
            Column::new("Status", "string", ".status.phase").about("Where it is in its life"),
            Column::new("Started", "date", ".status.startTimestamp").about("When data began to move"),
            Column::bytes("Bytes Done", ".status.progress.bytesDone").about("Bytes done"),
            Column::bytes("Total Bytes", ".status.progress.totalBytes").about("Bytes there are"),
            Column::bytes("Incremental Bytes", ".status.incrementalBytes").about("Bytes that were new").wide(),
            Column::new("Storage Location", "string", ".spec.backupStorageLocation").about("Where the data goes"),
            Column::AGE.about("Time since it was made"),
            Column::new("Node", "string", ".status.node").about("The node that does it"),
            Column::new("Uploader", "string", ".spec.uploaderType").about("What moves the data"),
        ];
        /// Which volume, and where to.
        spec: PodVolumeBackupSpec,
        /// How it goes.
        status: PodVolumeBackupStatus,
    }
}

wire_struct! {
    /// Which volume to back up, and where to.
    pub struct PodVolumeBackupSpec
    required {
        /// The node that the pod is on.
        node: String,
        /// The pod.
        pod: ObjectReference,
        /// The volume, as the pod names it.
        volume: String,
        /// The location that holds the repository.
        backup_storage_location: String,
        /// The address of the repository, for people.
        repo_identifier: String,
    }
    nullable {
        /// How the data is uploaded.
        uploader_settings: BTreeMap<String, String>,
    }
    optional {
        /// What moves the data.
        uploader_type: UploaderType,
        /// What the snapshot in the repository is tagged with.
        tags: BTreeMap<String, String>,
        /// Whether it shall stop.
        cancel: bool,
        /// The snapshot to read changes from: empty or `auto` for the last one, `none` for a full one, or an id.
        parent_snapshot: String,
    }
}

wire_struct! {
    /// How the backup of a volume goes.
    pub struct PodVolumeBackupStatus
    nullable {
        /// When data began to move.
        start_timestamp: Option<Time>,
        /// When it ended.
        completion_timestamp: Option<Time>,
        /// When a node took it.
        accepted_timestamp: Option<Time>,
    }
    optional {
        /// Where it is in its life.
        phase: DataMovePhase,
        /// The path that was read.
        path: String,
        /// The snapshot in the repository.
        #[serde(rename = "snapshotID")]
        snapshot_id: String,
        /// What went wrong.
        message: String,
        /// How far it is.
        progress: DataMoveProgress,
        /// Bytes that the repository did not have yet.
        incremental_bytes: i64,
    }
}
