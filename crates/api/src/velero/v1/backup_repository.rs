//! `BackupRepository`: the repository that holds the volume data of one namespace in one location.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::GoDuration;
use crate::kind::{Column, kind};
use crate::velero::data_move::UploaderType;
use crate::wire::{wire_enum, wire_struct};

kind! {
    /// The repository that holds the volume data of one namespace in one location.
    pub struct BackupRepository {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "backuprepositories";
        const SHORT_NAMES = ["repo"];
        const COLUMNS = [Column::AGE, Column::new("Repository Type", "string", ".spec.repositoryType")];
        /// Whose data, where.
        spec: BackupRepositorySpec,
        /// Whether it can be used.
        status: BackupRepositoryStatus,
    }
}

wire_struct! {
    /// Whose data a repository holds, and where it is.
    pub struct BackupRepositorySpec
    required {
        /// The namespace whose volumes it holds.
        volume_namespace: String,
        /// The location that it is in.
        backup_storage_location: String,
        /// How often it is maintained.
        maintenance_frequency: GoDuration,
    }
    nullable {
        /// How it is used, such as its cache.
        repository_config: BTreeMap<String, String>,
    }
    optional {
        /// Its format.
        repository_type: UploaderType,
        /// Its address for restic.
        restic_identifier: String,
    }
}

wire_enum! {
    /// Whether a repository can be used.
    pub enum BackupRepositoryPhase {
        /// Nobody has looked at it.
        New = "New",
        /// It can.
        Ready = "Ready",
        /// It cannot; the message says why.
        NotReady = "NotReady",
    }
}

wire_struct! {
    /// Whether a repository can be used.
    pub struct BackupRepositoryStatus
    nullable {
        /// When it was last maintained.
        last_maintenance_time: Option<Time>,
    }
    optional {
        /// Whether it can be used.
        phase: BackupRepositoryPhase,
        /// What is wrong.
        message: String,
        /// How maintenance went, the oldest first.
        recent_maintenance: Vec<BackupRepositoryMaintenanceStatus>,
    }
}

wire_enum! {
    /// How maintenance of a repository ended.
    pub enum MaintenanceResult {
        /// Well.
        Succeeded = "Succeeded",
        /// Not well; the message says why.
        Failed = "Failed",
    }
}

wire_struct! {
    /// One maintenance of a repository.
    pub struct BackupRepositoryMaintenanceStatus
    nullable {
        /// When it began.
        start_timestamp: Option<Time>,
        /// When it ended.
        complete_timestamp: Option<Time>,
    }
    optional {
        /// How it ended.
        result: Option<MaintenanceResult>,
        /// What went wrong.
        message: String,
    }
}
