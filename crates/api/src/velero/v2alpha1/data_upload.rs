//! `DataUpload`: moving the data of one snapshot to a repository.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::GoDuration;
use crate::kind::{Column, kind};
use crate::velero::data_move::{DataMovePhase, DataMoveProgress, NodeOs};
use crate::wire::wire_struct;

kind! {
    /// Moving the data of one snapshot to a repository.
    pub struct DataUpload {
        const GROUP = "velero.io";
        const VERSION = "v2alpha1";
        const PLURAL = "datauploads";
        const SHORT_NAMES = ["du"];
        const COLUMNS = [
            Column::new("Status", "string", ".status.phase").about("Where it is in its life"),
            Column::new("Started", "date", ".status.startTimestamp").about("When data began to move"),
            Column::bytes("Bytes Done", ".status.progress.bytesDone").about("Bytes done"),
            Column::bytes("Total Bytes", ".status.progress.totalBytes").about("Bytes there are"),
            Column::bytes("Incremental Bytes", ".status.incrementalBytes").about("Bytes that were new").wide(),
            Column::new("Storage Location", "string", ".spec.backupStorageLocation").about("Where the data goes"),
            Column::AGE.about("Time since it was made"),
            Column::new("Node", "string", ".status.node").about("The node that does it"),
        ];
        /// Which snapshot, and where to.
        spec: DataUploadSpec,
        /// How it goes.
        status: DataUploadStatus,
    }
}

wire_struct! {
    /// Which snapshot to upload, and where to.
    pub struct DataUploadSpec
    required {
        /// The kind of the snapshot: `CSI`.
        snapshot_type: String,
        /// The claim that was snapshotted.
        #[serde(rename = "sourcePVC")]
        source_pvc: String,
        /// The namespace of the claim.
        source_namespace: String,
        /// The location that holds the repository.
        backup_storage_location: String,
        /// How long each step may take.
        operation_timeout: GoDuration,
    }
    nullable {
        /// The snapshot, if it is a CSI one.
        csi_snapshot: Option<CsiSnapshotSpec>,
        /// How the data is uploaded.
        data_mover_config: BTreeMap<String, String>,
    }
    optional {
        /// Who moves the data; empty or `velero` for the built-in mover.
        datamover: String,
        /// Whether it shall stop.
        cancel: bool,
        /// The file system of the volume.
        #[serde(rename = "sourceFSType")]
        source_fs_type: String,
        /// The snapshot to read changes from: empty or `auto` for the last one, `none` for a full one, or an id.
        parent_snapshot: String,
    }
}

wire_struct! {
    /// A CSI snapshot.
    pub struct CsiSnapshotSpec
    required {
        /// The VolumeSnapshot.
        volume_snapshot: String,
        /// The storage class of the claim.
        storage_class: String,
    }
    optional {
        /// The class of the snapshot.
        snapshot_class: String,
        /// The driver that made it.
        driver: String,
    }
}

wire_struct! {
    /// How an upload goes.
    pub struct DataUploadStatus
    nullable {
        /// What the mover says about its result.
        data_mover_result: BTreeMap<String, String>,
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
        /// The node that does it.
        node: String,
        /// The operating system of that node.
        #[serde(rename = "nodeOS")]
        node_os: Option<NodeOs>,
        /// The node that took it.
        accepted_by_node: String,
    }
}
