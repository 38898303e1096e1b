//! `DeleteBackupRequest`: the wish that a backup and all its data be gone.

use crate::kind::{Column, kind};
use crate::wire::{wire_enum, wire_struct};

kind! {
    /// The wish that a backup and all its data be gone.
    pub struct DeleteBackupRequest {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "deletebackuprequests";
        const SHORT_NAMES = ["dbr"];
        const COLUMNS = [
            Column::new("BackupName", "string", ".spec.backupName").about("The backup to delete"),
            Column::new("Status", "string", ".status.phase").about("Where the request is in its life"),
        ];
        /// Which backup.
        spec: DeleteBackupRequestSpec,
        /// How it goes.
        status: DeleteBackupRequestStatus,
    }
}

wire_struct! {
    /// Which backup to delete.
    pub struct DeleteBackupRequestSpec
    required {
        /// The name of the backup.
        backup_name: String,
    }
}

wire_enum! {
    /// Where a deletion is in its life.
    pub enum DeleteBackupRequestPhase {
        /// Nobody has looked at it.
        New = "New",
        /// Data is being deleted.
        InProgress = "InProgress",
        /// Ended; `errors` says what was left behind.
        Processed = "Processed",
    }
}

impl DeleteBackupRequestPhase {
    /// Whether nothing more will happen.
    pub fn is_terminal(self) -> bool {
        self == Self::Processed
    }
}

wire_struct! {
    /// How a deletion goes.
    pub struct DeleteBackupRequestStatus
    nullable {
        /// What could not be deleted, and why.
        errors: Vec<String>,
    }
    optional {
        /// Where the deletion is in its life.
        phase: DeleteBackupRequestPhase,
    }
}
