//! `Restore`: what to bring back from which backup, and how it went.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use serde_json::Value;

use super::backup::{HookErrorMode, HookStatus};
use crate::kind::{Column, kind};
use crate::refs::TypedLocalObjectReference;
use crate::wire::{wire_enum, wire_struct};
use crate::{GoDuration, crd};

kind! {
    /// One restore: what to bring back from which backup, and how it went.
    pub struct Restore {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "restores";
        const SHORT_NAMES = ["rst"];
        const COLUMNS = [
            Column::new("Backup", "string", ".spec.backupName").about("The backup that is restored"),
            Column::new("Status", "string", ".status.phase").about("Where the restore is in its life"),
            Column::new("Errors", "integer", ".status.errors").about("Errors so far"),
            Column::new("Warnings", "integer", ".status.warnings").about("Warnings so far"),
            Column::AGE,
        ];
        /// What to bring back, and from where.
        spec: RestoreSpec,
        /// How it goes.
        status: RestoreStatus,
    }
}

wire_struct! {
    /// What to bring back, and from where.
    pub struct RestoreSpec
    nullable {
        /// Namespaces of the backup to restore, names or patterns; empty for all.
        included_namespaces: Vec<String>,
        /// Namespaces of the backup to leave out, names or patterns.
        excluded_namespaces: Vec<String>,
        /// Resources to restore; empty for all.
        included_resources: Vec<String>,
        /// Resources to leave out.
        excluded_resources: Vec<String>,
        /// Only objects that this selects.
        #[schemars(schema_with = "crd::label_selector")]
        label_selector: Option<LabelSelector>,
        /// Only objects that one of these selects; not together with `labelSelector`.
        #[schemars(schema_with = "crd::label_selectors")]
        or_label_selectors: Vec<LabelSelector>,
        /// Whether persistent volumes are restored from their snapshots; absent where it can be done.
        #[serde(rename = "restorePVs")]
        restore_pvs: Option<bool>,
        /// Which resources get their status back; absent for none.
        restore_status: Option<RestoreStatusSpec>,
        /// Whether services keep their node ports.
        preserve_node_ports: Option<bool>,
        /// Whether cluster-scoped objects come along: all, none, or, when absent, those that are needed.
        include_cluster_resources: Option<bool>,
        /// What happens to objects that are there already: `none`, `update` or `recreate`.
        existing_resource_policy: String,
        /// A ConfigMap of changes to make to objects.
        resource_modifier: Option<TypedLocalObjectReference>,
        /// A ConfigMap of policies that filter objects.
        resource_policy: Option<TypedLocalObjectReference>,
        /// Whether the server's default changes to objects are not made.
        skip_default_resource_modifier: Option<bool>,
        /// How the data of volumes is downloaded.
        uploader_config: Option<UploaderConfigForRestore>,
    }
    optional {
        /// The backup to restore; not together with `scheduleName`.
        backup_name: String,
        /// The schedule whose newest completed backup is restored.
        schedule_name: String,
        /// New names of namespaces, by their names in the backup.
        namespace_mapping: BTreeMap<String, String>,
        /// What to do as pods come back.
        hooks: RestoreHooks,
        /// How long to wait for work that goes on in the background; zero for the server's default.
        item_operation_timeout: GoDuration,
    }
}

wire_struct! {
    /// Which resources get their status back.
    pub struct RestoreStatusSpec
    nullable {
        /// Resources that get it.
        included_resources: Vec<String>,
        /// Resources that do not.
        excluded_resources: Vec<String>,
    }
}

wire_struct! {
    /// How the data of volumes is downloaded.
    pub struct UploaderConfigForRestore
    nullable {
        /// Whether runs of zeros become holes in files.
        write_sparse_files: Option<bool>,
    }
    optional {
        /// Files written at once; zero for one a processor.
        parallel_files_download: isize,
    }
}

wire_struct! {
    /// What to do as pods come back.
    pub struct RestoreHooks
    optional {
        /// For which pods, and what.
        resources: Vec<RestoreResourceHookSpec>,
    }
}

wire_struct! {
    /// Hooks for the pods that a filter selects.
    pub struct RestoreResourceHookSpec
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
        /// What to do once the pod is back.
        post_hooks: Vec<RestoreResourceHook>,
    }
}

wire_struct! {
    /// One thing to do once a pod is back: a command or init containers.
    pub struct RestoreResourceHook
    optional {
        /// A command to run.
        exec: Option<ExecRestoreHook>,
        /// Init containers to add.
        init: Option<InitRestoreHook>,
    }
}

wire_struct! {
    /// A command to run in a container of a restored pod.
    pub struct ExecRestoreHook
    required {
        /// The command and its arguments.
        #[schemars(extend("minItems" = 1))]
        command: Vec<String>,
    }
    nullable {
        /// Whether to wait for the container to be ready, not only to run.
        wait_for_ready: Option<bool>,
    }
    optional {
        /// The container; empty for the first one of the pod.
        container: String,
        /// What a failure of the command means.
        on_error: Option<HookErrorMode>,
        /// How long the command may take; zero for the default.
        exec_timeout: GoDuration,
        /// How long to wait for the container; zero for ever.
        wait_timeout: GoDuration,
    }
}

wire_struct! {
    /// Init containers to add to a restored pod.
    pub struct InitRestoreHook
    optional {
        /// The containers, as a pod has them.
        #[schemars(schema_with = "crd::free_objects")]
        init_containers: Vec<Value>,
        /// Kept and not used.
        timeout: GoDuration,
    }
}

wire_enum! {
    /// Where a restore is in its life.
    pub enum RestorePhase {
        /// Made, and nobody has looked at it.
        New = "New",
        /// It makes no sense; `validationErrors` says why.
        FailedValidation = "FailedValidation",
        /// Objects are created.
        InProgress = "InProgress",
        /// Objects are created; work in the background goes on.
        WaitingForPluginOperations = "WaitingForPluginOperations",
        /// As before, and something has failed already.
        WaitingForPluginOperationsPartiallyFailed = "WaitingForPluginOperationsPartiallyFailed",
        /// All that was selected is back.
        Completed = "Completed",
        /// Something is missing; the rest is back.
        PartiallyFailed = "PartiallyFailed",
        /// It could not be done.
        Failed = "Failed",
        /// Work in the background is done, the last steps are not.
        Finalizing = "Finalizing",
        /// As before, and something has failed already.
        FinalizingPartiallyFailed = "FinalizingPartiallyFailed",
    }
}

impl RestorePhase {
    /// Whether the restore has ended, well or not.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::FailedValidation | Self::Completed | Self::PartiallyFailed | Self::Failed)
    }
}

wire_struct! {
    /// How a restore goes.
    pub struct RestoreStatus
    nullable {
        /// Why the restore was refused.
        validation_errors: Vec<String>,
        /// When the restore began.
        start_timestamp: Option<Time>,
        /// When the restore ended.
        completion_timestamp: Option<Time>,
        /// Objects done and to do.
        progress: Option<RestoreProgress>,
        /// Hooks run and failed.
        hook_status: Option<HookStatus>,
    }
    optional {
        /// Where the restore is in its life.
        phase: RestorePhase,
        /// Warnings logged.
        warnings: isize,
        /// Errors logged.
        errors: isize,
        /// Why the restore failed.
        failure_reason: String,
        /// Operations of plugins begun in the background.
        restore_item_operations_attempted: isize,
        /// Operations of plugins done in the background.
        restore_item_operations_completed: isize,
        /// Operations of plugins that failed in the background.
        restore_item_operations_failed: isize,
    }
}

wire_struct! {
    /// Objects done and to do.
    pub struct RestoreProgress
    optional {
        /// Objects there are, as far as known; may grow.
        total_items: isize,
        /// Objects handled so far.
        items_restored: isize,
    }
}
