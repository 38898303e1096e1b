//! `DownloadRequest`: the wish for an address from which a file of a backup or restore can be fetched.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::kind::{Column, kind};
use crate::wire::{wire_enum, wire_struct};

kind! {
    /// The wish for an address from which a file of a backup or restore can be fetched.
    pub struct DownloadRequest {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "downloadrequests";
        const SHORT_NAMES = ["dreq"];
        const COLUMNS = [
            Column::new("Target Kind", "string", ".spec.target.kind").about("Which file"),
            Column::new("Target Name", "string", ".spec.target.name").about("Of which backup or restore"),
            Column::new("Status", "string", ".status.phase").about("Where the request is in its life"),
            Column::AGE,
        ];
        /// Which file.
        spec: DownloadRequestSpec,
        /// Where it is.
        status: DownloadRequestStatus,
    }
}

wire_struct! {
    /// Which file is wanted.
    pub struct DownloadRequestSpec
    required {
        /// The file.
        target: DownloadTarget,
    }
}

wire_struct! {
    /// A file of a backup or restore.
    pub struct DownloadTarget
    required {
        /// Which of its files.
        kind: DownloadTargetKind,
        /// The name of the backup or restore.
        name: String,
    }
}

wire_enum! {
    /// The files that a backup or restore has.
    pub enum DownloadTargetKind {
        /// The log of a backup.
        BackupLog = "BackupLog",
        /// The archive of objects.
        BackupContents = "BackupContents",
        /// Native snapshots of a backup.
        BackupVolumeSnapshots = "BackupVolumeSnapshots",
        /// Operations that a backup ran in the background.
        BackupItemOperations = "BackupItemOperations",
        /// The names of the objects in a backup.
        BackupResourceList = "BackupResourceList",
        /// Warnings and errors of a backup.
        BackupResults = "BackupResults",
        /// The log of a restore.
        RestoreLog = "RestoreLog",
        /// Warnings and errors of a restore.
        RestoreResults = "RestoreResults",
        /// The names of the objects that a restore handled.
        RestoreResourceList = "RestoreResourceList",
        /// Operations that a restore ran in the background.
        RestoreItemOperations = "RestoreItemOperations",
        /// CSI snapshots of a backup.
        CsiBackupVolumeSnapshots = "CSIBackupVolumeSnapshots",
        /// Contents of the CSI snapshots of a backup.
        CsiBackupVolumeSnapshotContents = "CSIBackupVolumeSnapshotContents",
        /// What a backup did with each volume.
        BackupVolumeInfos = "BackupVolumeInfos",
        /// What a restore did with each volume.
        RestoreVolumeInfo = "RestoreVolumeInfo",
    }
}

wire_enum! {
    /// Where a download request is in its life.
    pub enum DownloadRequestPhase {
        /// Nobody has looked at it.
        New = "New",
        /// The address is there.
        Processed = "Processed",
        /// There is none; the message says why.
        Failed = "Failed",
    }
}

impl DownloadRequestPhase {
    /// Whether nothing more will happen.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Processed | Self::Failed)
    }
}

wire_struct! {
    /// Where a wanted file is.
    pub struct DownloadRequestStatus
    nullable {
        /// Until when the address is good.
        expiration: Option<Time>,
    }
    optional {
        /// Where the request is in its life.
        phase: DownloadRequestPhase,
        /// The address; whoever has it can read the file.
        #[serde(rename = "downloadURL")]
        download_url: String,
        /// Why there is no address.
        message: String,
    }
}
