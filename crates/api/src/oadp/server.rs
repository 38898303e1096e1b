//! How the server works.

use super::{CustomPlugin, LoadAffinity, LogFormat, PodConfig};
use crate::wire::{wire_enum, wire_struct};

wire_enum! {
    /// Which log lines there are.
    pub enum LogLevel {
        /// What happens.
        Info = "info",
        /// Everything.
        Trace = "trace",
        /// Why it happens.
        Debug = "debug",
        /// What may become a problem.
        Warning = "warning",
        /// What went wrong.
        Error = "error",
        /// What ends the process.
        Fatal = "fatal",
        /// What must not happen.
        Panic = "panic",
    }
}

wire_enum! {
    /// A plugin by its well-known name.
    pub enum DefaultPlugin {
        /// Amazon's and compatible stores.
        Aws = "aws",
        /// The same, by the older plugin.
        LegacyAws = "legacy-aws",
        /// Google's.
        Gcp = "gcp",
        /// Microsoft's.
        Azure = "azure",
        /// Snapshots by CSI drivers.
        Csi = "csi",
        /// A data mover that is gone; refused.
        Vsm = "vsm",
        /// OpenShift's kinds.
        Openshift = "openshift",
        /// Virtual machines.
        Kubevirt = "kubevirt",
        /// Hosted control planes.
        Hypershift = "hypershift",
    }
}

wire_struct! {
    /// How the server works.
    pub struct VeleroConfig
    optional {
        /// Arguments of the server, which win over the other fields.
        args: Option<ServerArgs>,
        /// Requests in a burst.
        #[serde(rename = "client-burst")]
        client_burst: Option<isize>,
        /// Requests a second.
        #[serde(rename = "client-qps")]
        client_qps: Option<isize>,
        /// Plugins that are not among the known ones.
        custom_plugins: Vec<CustomPlugin>,
        /// How long an operation of an item may take.
        default_item_operation_timeout: String,
        /// Known plugins.
        default_plugins: Vec<DefaultPlugin>,
        /// Whether snapshots move to the repository unless a backup says otherwise.
        default_snapshot_move_data: Option<bool>,
        /// Whether volumes go through the file system unless a backup says otherwise.
        #[serde(rename = "defaultVolumesToFSBackup")]
        default_volumes_to_fs_backup: Option<bool>,
        /// Whether node agents go without the node's file system.
        #[schemars(extend("x-default" = false))]
        disable_fs_backup: Option<bool>,
        /// Whether restores go without a cache.
        disable_informer_cache: Option<bool>,
        /// Features to turn on.
        feature_flags: Vec<String>,
        /// Blocks of items collected at once.
        item_block_worker_count: Option<isize>,
        /// How often operations of items are looked at.
        item_operation_sync_frequency: String,
        /// Nodes that the server may run on.
        load_affinity: Vec<LoadAffinity>,
        /// Which log lines there are.
        log_level: Option<LogLevel>,
        /// Whether there is to be no location at all.
        no_default_backup_location: bool,
        /// What its pods are like.
        pod_config: Option<PodConfig>,
        /// How long waits that have no other limit may take.
        resource_timeout: String,
        /// Which versions of a kind are restored first.
        restore_resources_version_priority: String,
    }
}

/// The controllers that can be turned off.
const CONTROLLERS: [&str; 12] = [
    "backup",
    "backup-operations",
    "backup-deletion",
    "backup-finalizer",
    "backup-sync",
    "download-request",
    "gc",
    "backup-repo",
    "restore",
    "restore-operations",
    "schedule",
    "server-status-request",
];

fn controllers(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "array", "items": { "type": "string", "enum": CONTROLLERS } })
}

wire_struct! {
    /// Arguments of the server, by their names. Times are in nanoseconds.
    pub struct ServerArgs
    optional {
        /// Go logging: ignored.
        #[serde(rename = "add_dir_header")]
        add_dir_header: Option<bool>,
        /// Go logging: ignored.
        alsologtostderr: Option<bool>,
        /// How often the backups of a location are looked for.
        #[serde(rename = "backup-sync-period")]
        backup_sync_period: Option<i64>,
        /// Requests in a burst.
        #[serde(rename = "client-burst")]
        client_burst: Option<isize>,
        /// Objects in a page of a list.
        #[serde(rename = "client-page-size")]
        client_page_size: Option<isize>,
        /// Requests a second.
        #[serde(rename = "client-qps")]
        client_qps: Option<String>,
        /// Whether log lines are coloured.
        colorized: Option<bool>,
        /// How long backups are kept.
        #[serde(rename = "default-backup-ttl")]
        default_backup_ttl: Option<i64>,
        /// How long an operation of an item may take.
        #[serde(rename = "default-item-operation-timeout")]
        default_item_operation_timeout: Option<i64>,
        /// How often repositories are maintained.
        #[serde(rename = "default-repo-maintain-frequency")]
        default_repo_maintain_frequency: Option<i64>,
        /// Whether volumes go through the file system unless a backup says otherwise.
        #[serde(rename = "default-volumes-to-fs-backup")]
        default_volumes_to_fs_backup: Option<bool>,
        /// Controllers that do not run.
        #[schemars(schema_with = "controllers")]
        #[serde(rename = "disabled-controllers")]
        disabled_controllers: Vec<String>,
        /// How long the file system backup of a pod may take.
        #[serde(rename = "fs-backup-timeout")]
        fs_backup_timeout: Option<i64>,
        /// How often expired backups are looked for.
        #[serde(rename = "garbage-collection-frequency")]
        garbage_collection_frequency: Option<i64>,
        /// How often operations of items are looked at.
        #[serde(rename = "item-operation-sync-frequency")]
        item_operation_sync_frequency: Option<i64>,
        /// How log lines look.
        #[serde(rename = "log-format")]
        log_format: Option<LogFormat>,
        /// Go logging: ignored.
        #[serde(rename = "log_backtrace_at")]
        log_backtrace_at: Option<String>,
        /// Go logging: ignored.
        #[serde(rename = "log_dir")]
        log_dir: Option<String>,
        /// Go logging: ignored.
        #[serde(rename = "log_file")]
        log_file: Option<String>,
        /// Go logging: ignored.
        #[serde(rename = "log_file_max_size")]
        #[schemars(extend("minimum" = 0))]
        log_file_max_size: Option<i64>,
        /// Go logging: ignored.
        logtostderr: Option<bool>,
        /// Lists that run at once.
        #[serde(rename = "max-concurrent-k8s-connections")]
        max_concurrent_k8s_connections: Option<isize>,
        /// Where metrics are served.
        #[serde(rename = "metrics-address")]
        metrics_address: Option<String>,
        /// Go logging: ignored.
        #[serde(rename = "one_output")]
        one_output: Option<bool>,
        /// Where profiles are served.
        #[serde(rename = "profiler-address")]
        profiler_address: Option<String>,
        /// How long waits that have no other limit may take.
        #[serde(rename = "resource-timeout")]
        resource_timeout: Option<i64>,
        /// The order of restores.
        #[serde(rename = "restore-resource-priorities")]
        restore_resource_priorities: Option<String>,
        /// Go logging: ignored.
        #[serde(rename = "skip_headers")]
        skip_headers: Option<bool>,
        /// Go logging: ignored.
        #[serde(rename = "skip_log_headers")]
        skip_log_headers: Option<bool>,
        /// Go logging: ignored.
        stderrthreshold: Option<isize>,
        /// How often locations are validated.
        #[serde(rename = "store-validation-frequency")]
        store_validation_frequency: Option<i64>,
        /// How long to wait for something that is being deleted.
        #[serde(rename = "terminating-resource-timeout")]
        terminating_resource_timeout: Option<i64>,
        /// Go logging: ignored.
        v: Option<isize>,
        /// Go logging: ignored.
        vmodule: Option<String>,
    }
}
