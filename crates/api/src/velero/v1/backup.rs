//! `Backup`: what to keep, where and for how long, and how it went.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};

use crate::kind::{Column, kind};
use crate::refs::TypedLocalObjectReference;
use crate::wire::{wire_enum, wire_struct};
use crate::{GoDuration, crd};

kind! {
    /// One backup: what to keep, where and for how long, and how it went.
    pub struct Backup {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "backups";
        const SHORT_NAMES = ["bak"];
        const COLUMNS = [
            Column::new("Status", "string", ".status.phase").about("Where the backup is in its life"),
            Column::new("Errors", "integer", ".status.errors").about("Errors so far"),
            Column::new("Warnings", "integer", ".status.warnings").about("Warnings so far"),
            Column::new("Started", "date", ".status.startTimestamp").about("When the backup began"),
            Column::AGE,
        ];
        /// What to keep, where and for how long.
        spec: BackupSpec,
        /// How it goes.
        status: BackupStatus,
    }
}

wire_struct! {
    /// What to keep, where and for how long.
    pub struct BackupSpec
    nullable {
        /// Namespaces to back up, names or patterns; empty for all.
        included_namespaces: Vec<String>,
        /// Namespaces to leave out, names or patterns.
        excluded_namespaces: Vec<String>,
        /// Resources to back up, of either scope; empty for all.
        included_resources: Vec<String>,
        /// Resources to leave out, of either scope.
        excluded_resources: Vec<String>,
        /// Cluster-scoped resources to back up; empty for those that belong to what else is backed up.
        included_cluster_scoped_resources: Vec<String>,
        /// Cluster-scoped resources to leave out; `*` for all of them.
        excluded_cluster_scoped_resources: Vec<String>,
        /// Namespaced resources to back up; empty for all.
        included_namespace_scoped_resources: Vec<String>,
        /// Namespaced resources to leave out; `*` for all of them.
        excluded_namespace_scoped_resources: Vec<String>,
        /// Only objects that this selects.
        #[schemars(schema_with = "crd::label_selector")]
        label_selector: Option<LabelSelector>,
        /// Only objects that one of these selects; not together with `labelSelector`.
        #[schemars(schema_with = "crd::label_selectors")]
        or_label_selectors: Vec<LabelSelector>,
        /// Whether volumes are snapshotted; absent where it can be done.
        snapshot_volumes: Option<bool>,
        /// Whether cluster-scoped objects come along: all, none, or, when absent, those that are needed.
        include_cluster_resources: Option<bool>,
        /// Objects to back up first, in order: a resource, and names with commas between them.
        ordered_resources: BTreeMap<String, String>,
        /// Whether pod volumes are backed up through the file system unless they opt out.
        default_volumes_to_fs_backup: Option<bool>,
        /// The older name of `defaultVolumesToFsBackup`.
        default_volumes_to_restic: Option<bool>,
        /// Whether the data of snapshots is moved to the repository.
        snapshot_move_data: Option<bool>,
        /// How the data of volumes is uploaded.
        uploader_config: Option<UploaderConfigForBackup>,
    }
    optional {
        /// What backups that a schedule makes carry.
        metadata: BackupMetadata,
        /// The location to write to; empty for the default one.
        storage_location: String,
        /// Where native snapshots go, at most one location a provider.
        volume_snapshot_locations: Vec<String>,
        /// How long to keep the backup; zero for the server's default.
        ttl: GoDuration,
        /// Commands to run around objects.
        hooks: BackupHooks,
        /// How long to wait for a snapshot to be usable; zero for the server's default.
        csi_snapshot_timeout: GoDuration,
        /// How long to wait for work that goes on in the background; zero for the server's default.
        item_operation_timeout: GoDuration,
        /// A ConfigMap of policies for volumes.
        resource_policy: Option<TypedLocalObjectReference>,
        /// Who moves the data of snapshots; empty or `velero` for the built-in mover.
        datamover: String,
        /// The label by which claims are snapshotted together; empty for the server's default.
        volume_group_snapshot_label_key: String,
        /// Whether volume data is read in full or since the last backup.
        backup_type: Option<BackupType>,
    }
}

wire_enum! {
    /// How much of a volume's data a backup reads.
    pub enum BackupType {
        /// All of it.
        Full = "Full",
        /// What changed since the last backup.
        Incremental = "Incremental",
    }
}

wire_struct! {
    /// Metadata for the backups that a schedule makes.
    pub struct BackupMetadata
    nullable {
        /// Annotations.
        annotations: BTreeMap<String, String>,
    }
    optional {
        /// Labels, instead of the schedule's own.
        labels: BTreeMap<String, String>,
    }
}

wire_struct! {
    /// How the data of volumes is uploaded.
    pub struct UploaderConfigForBackup
    optional {
        /// Files read at once; zero for one a processor.
        parallel_files_upload: isize,
    }
}

wire_struct! {
    /// Commands to run around objects.
    pub struct BackupHooks
    nullable {
        /// For which objects, and what.
        resources: Vec<BackupResourceHookSpec>,
    }
}

wire_struct! {
    /// Commands for the objects that a filter selects.
    pub struct BackupResourceHookSpec
    required {
        /// The name of this entry.
        name: String,
    }
    nullable {
        /// Namespaces to apply to; empty for all.
        included_namespaces: Vec<String>,
        /// Namespaces to leave out.
        excluded_namespaces: Vec<String>,
        /// Resources to apply to; empty for all.
        included_resources: Vec<String>,
        /// Resources to leave out.
        excluded_resources: Vec<String>,
        /// Only objects that this selects.
        #[schemars(schema_with = "crd::label_selector")]
        label_selector: Option<LabelSelector>,
    }
    optional {
        /// What to do before the object is backed up.
        #[serde(rename = "pre")]
        pre_hooks: Vec<BackupResourceHook>,
        /// What to do after the object and all that belongs to it was backed up.
        #[serde(rename = "post")]
        post_hooks: Vec<BackupResourceHook>,
    }
}

wire_struct! {
    /// One thing to do around an object.
    pub struct BackupResourceHook
    required {
        /// A command to run.
        exec: ExecHook,
    }
}

wire_struct! {
    /// A command to run in a container.
    pub struct ExecHook
    required {
        /// The command and its arguments.
        #[schemars(extend("minItems" = 1))]
        command: Vec<String>,
    }
    optional {
        /// The container; empty for the first one of the pod.
        container: String,
        /// What a failure of the command means.
        on_error: HookErrorMode,
        /// How long the command may take; zero for the default.
        timeout: GoDuration,
    }
}

wire_enum! {
    /// What a failure of a hook means.
    pub enum HookErrorMode {
        /// The operation has an error.
        Fail = "Fail",
        /// The operation goes on as if nothing had happened.
        Continue = "Continue",
    }
}

wire_enum! {
    /// Where a backup is in its life.
    pub enum BackupPhase {
        /// Made, and nobody has looked at it.
        New = "New",
        /// Waits for others to finish.
        Queued = "Queued",
        /// Next to begin.
        ReadyToStart = "ReadyToStart",
        /// It makes no sense; `validationErrors` says why.
        FailedValidation = "FailedValidation",
        /// Objects are collected.
        InProgress = "InProgress",
        /// Objects are collected; work in the background goes on.
        WaitingForPluginOperations = "WaitingForPluginOperations",
        /// As before, and something has failed already.
        WaitingForPluginOperationsPartiallyFailed = "WaitingForPluginOperationsPartiallyFailed",
        /// Work in the background is done, the last steps are not.
        Finalizing = "Finalizing",
        /// As before, and something has failed already.
        FinalizingPartiallyFailed = "FinalizingPartiallyFailed",
        /// All that was selected is in the bucket.
        Completed = "Completed",
        /// Something is missing; the rest is in the bucket.
        PartiallyFailed = "PartiallyFailed",
        /// There is no usable backup.
        Failed = "Failed",
        /// It and its data are being deleted.
        Deleting = "Deleting",
    }
}

impl BackupPhase {
    /// Whether the backup has ended, well or not.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::FailedValidation | Self::Completed | Self::PartiallyFailed | Self::Failed)
    }
}

wire_struct! {
    /// How a backup goes.
    pub struct BackupStatus
    nullable {
        /// When the backup may be deleted.
        expiration: Option<Time>,
        /// Why the backup was refused.
        validation_errors: Vec<String>,
        /// When the backup began.
        start_timestamp: Option<Time>,
        /// When the backup ended.
        completion_timestamp: Option<Time>,
        /// Objects done and to do.
        progress: Option<BackupProgress>,
        /// Hooks run and failed.
        hook_status: Option<HookStatus>,
    }
    optional {
        /// The major version of the backup's format.
        version: isize,
        /// The version of the backup's format.
        format_version: String,
        /// Where the backup is in its life.
        phase: BackupPhase,
        /// Backups before this one, counting it, while queued.
        queue_position: isize,
        /// Native snapshots begun.
        volume_snapshots_attempted: isize,
        /// Native snapshots done.
        volume_snapshots_completed: isize,
        /// Why the backup failed.
        failure_reason: String,
        /// Warnings logged.
        warnings: isize,
        /// Errors logged.
        errors: isize,
        /// CSI snapshots begun.
        csi_volume_snapshots_attempted: isize,
        /// CSI snapshots done.
        csi_volume_snapshots_completed: isize,
        /// Operations of plugins begun in the background.
        backup_item_operations_attempted: isize,
        /// Operations of plugins done in the background.
        backup_item_operations_completed: isize,
        /// Operations of plugins that failed in the background.
        backup_item_operations_failed: isize,
    }
}

wire_struct! {
    /// Objects done and to do.
    pub struct BackupProgress
    optional {
        /// Objects there are, as far as known; may grow.
        total_items: isize,
        /// Objects written so far.
        items_backed_up: isize,
    }
}

wire_struct! {
    /// Hooks run and failed.
    pub struct HookStatus
    optional {
        /// Hooks run.
        hooks_attempted: isize,
        /// Hooks that failed.
        hooks_failed: isize,
    }
}
