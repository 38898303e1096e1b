//! `PodVolumeRestore`: the restore of one volume of a pod through the file system.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::kind::{Column, kind};
use crate::refs::ObjectReference;
use crate::velero::data_move::{DataMovePhase, DataMoveProgress, UploaderType};
use crate::wire::wire_struct;

kind! {
    /// The restore of one volume of a pod through the file system.
    pub struct PodVolumeRestore {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "podvolumerestores";
        const SHORT_NAMES = ["pvr"];
        const COLUMNS = [
            Column::new("Status", "string", ".status.phase").about("Where it is in its life"),
            Column::new("Started", "date", ".status.startTimestamp").about("When data began to move"),
            Column::bytes("Bytes Done", ".status.progress.bytesDone").about("Bytes done"),
            Column::bytes("Total Bytes", ".status.progress.totalBytes").about("Bytes there are"),
            Column::new("Storage Location", "string", ".spec.backupStorageLocation").about("Where the data is"),
            Column::AGE.about("Time since it was made"),
            Column::new("Node", "string", ".status.node").about("The node that does it"),
            Column::new("Uploader Type", "string", ".spec.uploaderType").about("What moves the data"),
        ];
        /// Which snapshot, and into which volume.
        spec: PodVolumeRestoreSpec,
        /// How it goes.
        status: PodVolumeRestoreStatus,
    }
}

wire_struct! {
    /// Which snapshot to restore, and into which volume.
    pub struct PodVolumeRestoreSpec
    required {
        /// The pod.
        pod: ObjectReference,
        /// The volume, as the pod names it.
        volume: String,
        /// The location that holds the repository.
        backup_storage_location: String,
        /// The address of the repository, for people.
        repo_identifier: String,
        /// The snapshot in the repository.
        #[serde(rename = "snapshotID")]
        snapshot_id: String,
        /// The namespace that the volume was in.
        source_namespace: String,
    }
    nullable {
        /// How the data is downloaded.
        uploader_settings: BTreeMap<String, String>,
    }
    optional {
        /// What moves the data.
        uploader_type: UploaderType,
        /// Whether it shall stop.
        cancel: bool,
        /// The bytes of the snapshot.
        snapshot_size: i64,
    }
}

wire_struct! {
    /// How the restore of a volume goes.
    pub struct PodVolumeRestoreStatus
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
        /// What went wrong.
        message: String,
        /// How far it is.
        progress: DataMoveProgress,
        /// The node that does it.
        node: String,
    }
}
