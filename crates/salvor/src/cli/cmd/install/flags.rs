//! The flags of `install`: Velero's, and ours.

use std::path::PathBuf;

use api::GoDuration;
use clap::Args;
use controllers::install::LocationVolume;

use crate::cli::output::OutputFlags;
use crate::cli::values::{self, Names, Pairs};

/// Install Salvor into a cluster
#[derive(Debug, Clone, Default, Args)]
pub struct Install {
    /// Install the operator, which installs what a DataProtectionApplication asks for
    #[arg(long)]
    pub operator: bool,
    /// Print what would be installed, with -o, and install nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Install the custom resource definitions and nothing else
    #[arg(long)]
    pub crds_only: bool,
    /// Change objects that are there already, by server-side apply
    #[arg(long)]
    pub apply: bool,
    /// Wait until the server runs
    #[arg(long)]
    pub wait: bool,
    /// The image [default: that of this version]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// Who stores backups: aws, azure, gcp or salvor.io/filesystem
    #[arg(long, default_value = "", value_name = "NAME", hide_default_value = true)]
    pub provider: String,
    /// A file of credentials for the provider
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Go without credentials
    #[arg(long)]
    pub no_secret: bool,
    /// Go without a backup location
    #[arg(long)]
    pub no_default_backup_location: bool,
    /// Where backups and snapshots go.
    #[command(flatten)]
    pub location: LocationFlags,
    /// What the server's pods are like.
    #[command(flatten)]
    pub pods: PodFlags,
    /// What the server is told.
    #[command(flatten)]
    pub server: ServerFlags,
    /// How objects are printed.
    #[command(flatten)]
    pub output: OutputFlags,
    /// Node agents.
    #[command(flatten)]
    pub node_agent: NodeAgentFlags,
    /// Flags of former times.
    #[command(flatten)]
    pub obsolete: ObsoleteFlags,
}

/// Where backups and snapshots go.
#[derive(Debug, Clone, Args)]
pub struct LocationFlags {
    /// The bucket
    #[arg(
        long,
        default_value = "",
        value_name = "NAME",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub bucket: String,
    /// The folder of the bucket
    #[arg(long, default_value = "", value_name = "PATH", hide_default_value = true)]
    pub prefix: String,
    /// Certificates that the store is trusted by
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// What the provider needs to know about the backup location
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = values::pairs)]
    pub backup_location_config: Option<Pairs>,
    /// What the provider needs to know about the snapshot location
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = values::pairs)]
    pub snapshot_location_config: Option<Pairs>,
    /// Whether to make a snapshot location
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set, require_equals = true, num_args = 0..=1, default_missing_value = "true")]
    pub use_volume_snapshots: bool,
    /// A volume of a filesystem location: NAME=pvc:CLAIM, NAME=hostPath:/PATH or NAME=nfs:HOST:/PATH
    #[arg(long = "location-volume", value_name = "NAME=SOURCE")]
    pub volumes: Vec<LocationVolume>,
}

impl Default for LocationFlags {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            prefix: String::new(),
            cacert: None,
            backup_location_config: None,
            snapshot_location_config: None,
            use_volume_snapshots: true,
            volumes: Vec::new(),
        }
    }
}

/// What the server's pods are like.
#[derive(Debug, Clone, Args)]
pub struct PodFlags {
    /// Annotations of the pods
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = values::pairs)]
    pub pod_annotations: Option<Pairs>,
    /// Labels of the pods
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = values::pairs)]
    pub pod_labels: Option<Pairs>,
    /// Annotations of the service account
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = values::pairs)]
    pub sa_annotations: Option<Pairs>,
    /// A service account that is there already; no rights are given to it
    #[arg(long, value_name = "NAME")]
    pub service_account_name: Option<String>,
    /// Make the server an administrator of the cluster, as Velero does
    #[arg(long, conflicts_with = "service_account_name")]
    pub cluster_admin: bool,
    /// Processor time kept for the server; 0 for none
    #[arg(long, default_value = "500m", value_name = "AMOUNT")]
    pub velero_pod_cpu_request: String,
    /// Memory kept for the server; 0 for none
    #[arg(long, default_value = "128Mi", value_name = "AMOUNT")]
    pub velero_pod_mem_request: String,
    /// Most processor time of the server; 0 for no bound
    #[arg(long, default_value = "1000m", value_name = "AMOUNT")]
    pub velero_pod_cpu_limit: String,
    /// Most memory of the server; 0 for no bound
    #[arg(long, default_value = "512Mi", value_name = "AMOUNT")]
    pub velero_pod_mem_limit: String,
    /// The priority class of the server's pods
    #[arg(long, value_name = "NAME")]
    pub server_priority_class_name: Option<String>,
}

impl Default for PodFlags {
    fn default() -> Self {
        Self {
            pod_annotations: None,
            pod_labels: None,
            sa_annotations: None,
            service_account_name: None,
            cluster_admin: false,
            velero_pod_cpu_request: "500m".to_owned(),
            velero_pod_mem_request: "128Mi".to_owned(),
            velero_pod_cpu_limit: "1000m".to_owned(),
            velero_pod_mem_limit: "512Mi".to_owned(),
            server_priority_class_name: None,
        }
    }
}

/// What the server is told.
#[derive(Debug, Clone, Default, Args)]
pub struct ServerFlags {
    /// Restore, and do not back up
    #[arg(long)]
    pub restore_only: bool,
    /// Plugin images; those of aws, azure, gcp, csi and openshift are built in and not used
    #[arg(long, value_name = "IMAGES", value_parser = values::names)]
    pub plugins: Option<Names>,
    /// How often repositories are maintained
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub default_repo_maintain_frequency: Option<GoDuration>,
    /// How often expired backups are looked for
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub garbage_collection_frequency: Option<GoDuration>,
    /// How long the file system backup of a pod may take
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub pod_volume_operation_timeout: Option<GoDuration>,
    /// Back volumes up through the file system unless a backup says otherwise
    #[arg(long)]
    pub default_volumes_to_fs_backup: bool,
    /// Move snapshots to the repository unless a backup says otherwise
    #[arg(long)]
    pub default_snapshot_move_data: bool,
    /// Restore without a cache
    #[arg(long)]
    pub disable_informer_cache: bool,
    /// Let new schedules wait for their first time
    #[arg(long)]
    pub schedule_skip_immediately: bool,
    /// What writes to repositories; restic is taken for kopia
    #[arg(long, default_value = "kopia", value_name = "NAME", hide_possible_values = true, value_parser = ["kopia", "restic", ""])]
    pub uploader_type: String,
    /// The ConfigMap that says how repositories are kept
    #[arg(long, value_name = "NAME")]
    pub backup_repository_configmap: Option<String>,
    /// The ConfigMap that says how repositories are maintained
    #[arg(long, value_name = "NAME")]
    pub repo_maintenance_job_configmap: Option<String>,
    /// The ConfigMap of the resource modifier of restores that name none
    #[arg(long, value_name = "NAME")]
    pub default_resource_modifier_configmap: Option<String>,
    /// Blocks of items collected at once
    #[arg(long, default_value_t = 0, value_name = "COUNT", hide_default_value = true)]
    pub item_block_worker_count: u32,
    /// Backups that run at once
    #[arg(long, default_value_t = 0, value_name = "COUNT", hide_default_value = true)]
    pub concurrent_backups: u32,
}

/// Node agents, which do not exist yet: checked and reported.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Not honoured yet")]
pub struct NodeAgentFlags {
    /// Run a node agent on every node
    #[arg(long)]
    pub use_node_agent: bool,
    /// Run a node agent on every Windows node
    #[arg(long)]
    pub use_node_agent_windows: bool,
    /// Run node agents with all rights, as block volumes need it
    #[arg(long)]
    pub privileged_node_agent: bool,
    /// Run node agents without the node's file system
    #[arg(long)]
    pub node_agent_disable_host_path: bool,
    /// The folder of the kubelet
    #[arg(long, value_name = "PATH")]
    pub kubelet_root_dir: Option<String>,
    /// Processor time kept for a node agent
    #[arg(long, value_name = "AMOUNT")]
    pub node_agent_pod_cpu_request: Option<String>,
    /// Memory kept for a node agent
    #[arg(long, value_name = "AMOUNT")]
    pub node_agent_pod_mem_request: Option<String>,
    /// Most processor time of a node agent
    #[arg(long, value_name = "AMOUNT")]
    pub node_agent_pod_cpu_limit: Option<String>,
    /// Most memory of a node agent
    #[arg(long, value_name = "AMOUNT")]
    pub node_agent_pod_mem_limit: Option<String>,
    /// The ConfigMap of the node agents
    #[arg(long, value_name = "NAME")]
    pub node_agent_configmap: Option<String>,
    /// The priority class of the node agents' pods
    #[arg(long, value_name = "NAME")]
    pub node_agent_priority_class_name: Option<String>,
}

/// Flags that Velero's own server does not survive any more: accepted and reported.
#[derive(Debug, Clone, Default, Args)]
pub struct ObsoleteFlags {
    /// Obsolete
    #[arg(long, hide = true)]
    pub keep_latest_maintenance_jobs: Option<u32>,
    /// Obsolete
    #[arg(long, hide = true)]
    pub maintenance_job_cpu_request: Option<String>,
    /// Obsolete
    #[arg(long, hide = true)]
    pub maintenance_job_mem_request: Option<String>,
    /// Obsolete
    #[arg(long, hide = true)]
    pub maintenance_job_cpu_limit: Option<String>,
    /// Obsolete
    #[arg(long, hide = true)]
    pub maintenance_job_mem_limit: Option<String>,
}
