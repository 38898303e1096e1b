//! `DataDownload`: moving data from a repository into a new volume.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::GoDuration;
use crate::kind::{Column, kind};
use crate::velero::data_move::{DataMovePhase, DataMoveProgress, NodeOs};
use crate::wire::wire_struct;

kind! {
    /// Moving data from a repository into a new volume.
    pub struct DataDownload {
        const GROUP = "velero.io";
        const VERSION = "v2alpha1";
        const PLURAL = "datadownloads";
        const SHORT_NAMES = ["dd"];
        const COLUMNS = [
            Column::new("Status", "string", ".status.phase").about("Where it is in its life"),
            Column::new("Started", "date", ".status.startTimestamp").about("When data began to move"),
            Column::bytes("Bytes Done", ".status.progress.bytesDone").about("Bytes done"),
            Column::bytes("Total Bytes", ".status.progress.totalBytes").about("Bytes there are"),
            Column::new("Storage Location", "string", ".spec.backupStorageLocation").about("Where the data is"),
            Column::AGE.about("Time since it was made"),
            Column::new("Node", "string", ".status.node").about("The node that does it"),
        ];
        /// Which snapshot, and into which volume.
        spec: DataDownloadSpec,
        /// How it goes.
        status: DataDownloadStatus,
    }
}

wire_struct! {
    /// Which snapshot to download, and into which volume.
    pub struct DataDownloadSpec
    required {
        /// The volume to fill.
        target_volume: TargetVolumeSpec,
        /// The location that holds the repository.
        backup_storage_location: String,
        /// The snapshot in the repository.
        #[serde(rename = "snapshotID")]
        snapshot_id: String,
        /// The namespace that the volume was in.
        source_namespace: String,
        /// How long each step may take.
        operation_timeout: GoDuration,
    }
    optional {
        /// Who moves the data; empty or `velero` for the built-in mover.
        datamover: String,
        /// How the data is downloaded.
        data_mover_config: BTreeMap<String, String>,
        /// Whether it shall stop.
        cancel: bool,
        /// The operating system that the data is for; absent for Linux.
        #[serde(rename = "nodeOS")]
        node_os: Option<NodeOs>,
        /// The bytes of the snapshot.
        snapshot_size: i64,
    }
}

wire_struct! {
    /// A volume to fill.
    pub struct TargetVolumeSpec
    required {
        /// The claim.
        pvc: String,
        /// The persistent volume, if one is wanted.
        pv: String,
        /// The namespace of the claim.
        namespace: String,
    }
    optional {
        /// The file system that the volume had.
        fs_type: String,
    }
}

wire_struct! {
    /// How a download goes.
    pub struct DataDownloadStatus
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
        /// The node that took it.
        accepted_by_node: String,
    }
}
