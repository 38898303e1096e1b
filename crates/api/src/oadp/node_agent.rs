//! How the node agents and the maintenance of repositories work.

use std::collections::BTreeMap;

use super::PodConfig;
use crate::wire::{wire_enum, wire_struct};
use crate::{LabelSelector, crd};

wire_enum! {
    /// What writes to repositories.
    pub enum UploaderType {
        /// Kopia.
        Kopia = "kopia",
        /// Restic; written as Kopia.
        Restic = "restic",
    }
}

wire_enum! {
    /// How often repositories are cleaned.
    pub enum Maintenance {
        /// Every 24 hours.
        Normal = "normalGC",
        /// Every 12 hours.
        Fast = "fastGC",
        /// Every 6 hours.
        Eager = "eagerGC",
    }
}

wire_struct! {
    /// How the node agents work.
    pub struct NodeAgentConfig
    required {
        /// What writes to repositories.
        uploader_type: UploaderType,
    }
    optional {
        /// Claims that are made to read snapshots from, by storage class.
        #[serde(rename = "backupPVC")]
        backup_pvc: BTreeMap<String, BackupPvc>,
        /// Most that caches may hold.
        #[serde(rename = "cacheLimitMB")]
        #[schemars(extend("minimum" = 0))]
        cache_limit_mb: Option<i64>,
        /// How long a move may take to begin.
        data_mover_prepare_timeout: Option<String>,
        /// Whether there are node agents.
        enable: Option<bool>,
        /// How often repositories are cleaned.
        full_maintenance_interval: Option<Maintenance>,
        /// Nodes that volumes are moved on.
        load_affinity: Vec<LoadAffinity>,
        /// Volumes that are moved at once.
        load_concurrency: Option<LoadConcurrency>,
        /// What its pods are like.
        pod_config: Option<PodConfig>,
        /// What pods that move volumes may use.
        pod_resources: Option<PodResources>,
        /// How long waits that have no other limit may take.
        resource_timeout: Option<String>,
        /// Claims that are made to restore to.
        #[serde(rename = "restorePVC")]
        restore_pvc: Option<RestorePvc>,
        /// Groups that the pods belong to.
        supplemental_groups: Vec<i64>,
        /// How long the backup of a volume may take.
        timeout: String,
    }
}

wire_struct! {
    /// The node agents by their old name.
    pub struct ResticConfig
    optional {
        /// Whether there are node agents.
        enable: Option<bool>,
        /// What its pods are like.
        pod_config: Option<PodConfig>,
        /// Groups that the pods belong to.
        supplemental_groups: Vec<i64>,
        /// How long the backup of a volume may take.
        timeout: String,
    }
}

wire_struct! {
    /// A claim that is made to read a snapshot from.
    pub struct BackupPvc
    optional {
        /// Whether it is mounted read-only.
        read_only: bool,
        /// Whether its files keep their SELinux labels.
        spc_no_relabeling: bool,
        /// Its storage class.
        storage_class: String,
    }
}

wire_struct! {
    /// Claims that are made to restore to.
    pub struct RestorePvc
    optional {
        /// Whether to go ahead before a pod wants the claim.
        ignore_delay_binding: bool,
    }
}

wire_struct! {
    /// Nodes to run on.
    pub struct LoadAffinity
    optional {
        /// What the nodes have in common.
        #[schemars(schema_with = "crd::label_selector")]
        node_selector: LabelSelector,
    }
}

wire_struct! {
    /// Volumes that are moved at once.
    pub struct LoadConcurrency
    optional {
        /// On every node.
        global_config: Option<isize>,
        /// On some nodes.
        per_node_config: Vec<RuledConcurrency>,
    }
}

wire_struct! {
    /// Volumes that are moved at once on some nodes.
    pub struct RuledConcurrency
    required {
        /// What the nodes have in common.
        #[schemars(schema_with = "crd::label_selector")]
        node_selector: LabelSelector,
        /// How many volumes.
        number: isize,
    }
}

wire_struct! {
    /// What a pod may use.
    pub struct PodResources
    optional {
        /// Most processor time.
        cpu_limit: String,
        /// Processor time that is kept for it.
        cpu_request: String,
        /// Most memory.
        memory_limit: String,
        /// Memory that is kept for it.
        memory_request: String,
    }
}

wire_struct! {
    /// How repositories are maintained.
    pub struct MaintenanceConfig
    optional {
        /// Nodes that the jobs may run on.
        load_affinity: Vec<LoadAffinity>,
        /// What the jobs may use.
        pod_resources: Option<PodResources>,
    }
}
