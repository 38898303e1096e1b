//! `DataProtectionApplication`: what an installation of OADP is to be.

use std::collections::BTreeMap;

use super::{
    BackupLocation, DataMover, DataProtectionApplicationStatus, MaintenanceConfig, NodeAgentConfig, NonAdmin,
    ResticConfig, SnapshotLocation, VeleroConfig,
};
use crate::Column;
use crate::kind::kind;
use crate::wire::{wire_enum, wire_struct};

kind! {
    /// What is to be installed in a namespace: the server, its locations and how it works.
    pub struct DataProtectionApplication {
        const GROUP = "oadp.openshift.io";
        const VERSION = "v1alpha1";
        const PLURAL = "dataprotectionapplications";
        const SHORT_NAMES = ["dpa"];
        const COLUMNS = [
            Column::new("Reconciled", "string", ".status.conditions[?(@.type=='Reconciled')].status")
                .about("Whether everything that is asked for was made"),
            Column::new("Available", "string", ".status.conditions[?(@.type=='Available')].status")
                .about("Whether the server runs and its locations answer"),
            Column::AGE,
        ];
        const STATUS_SUBRESOURCE = true;
        /// What is asked for.
        spec: DataProtectionApplicationSpec,
        /// What there is.
        status: DataProtectionApplicationStatus,
    }
}

wire_enum! {
    /// When images are pulled.
    pub enum PullPolicy {
        /// If the node does not have it.
        IfNotPresent = "IfNotPresent",
        /// At every start.
        Always = "Always",
        /// Never: the node has it.
        Never = "Never",
    }
}

wire_enum! {
    /// How log lines look.
    pub enum LogFormat {
        /// Velero's text form.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

wire_struct! {
    /// What is asked of an installation.
    pub struct DataProtectionApplicationSpec
    required {
        /// How the server and the node agents work.
        configuration: ApplicationConfig,
    }
    optional {
        /// Whether images of the internal registry are backed up; absent means yes.
        backup_images: Option<bool>,
        /// Where backups are stored.
        backup_locations: Vec<BackupLocation>,
        /// Features that are none any more; kept so that their use is refused.
        features: Option<Features>,
        /// When images are pulled.
        image_pull_policy: Option<PullPolicy>,
        /// How log lines look.
        #[schemars(extend("x-default" = "text"))]
        log_format: LogFormat,
        /// Backups that users make for themselves.
        non_admin: Option<NonAdmin>,
        /// Annotations of the pods of the server and of the node agents.
        pod_annotations: BTreeMap<String, String>,
        /// How pods resolve names.
        pod_dns_config: Option<PodDnsConfig>,
        /// Where pods resolve names.
        pod_dns_policy: String,
        /// Where providers keep their own snapshots.
        snapshot_locations: Vec<SnapshotLocation>,
        /// Other images, and other things that nobody supports.
        unsupported_overrides: BTreeMap<String, String>,
    }
}

wire_struct! {
    /// How the server and the node agents work.
    pub struct ApplicationConfig
    optional {
        /// The node agents.
        node_agent: Option<NodeAgentConfig>,
        /// Maintenance of repositories: `global`, a namespace, a repository, or a type of repository.
        repository_maintenance: BTreeMap<String, MaintenanceConfig>,
        /// The node agents by their old name; refused.
        restic: Option<ResticConfig>,
        /// The server.
        velero: Option<VeleroConfig>,
    }
}

wire_struct! {
    /// Features that are none any more.
    pub struct Features
    optional {
        /// The data mover that was not Velero's own; refused.
        data_mover: Option<DataMover>,
    }
}

wire_struct! {
    /// A plugin that is not one of the known ones.
    pub struct CustomPlugin
    required {
        /// The image.
        image: String,
        /// The name of the init container.
        name: String,
    }
}

wire_struct! {
    /// How pods resolve names.
    pub struct PodDnsConfig
    optional {
        /// Addresses of name servers.
        #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
        nameservers: Vec<String>,
        /// Options of the resolver.
        #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
        options: Vec<PodDnsConfigOption>,
        /// Domains to search.
        #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
        searches: Vec<String>,
    }
}

wire_struct! {
    /// An option of the resolver.
    pub struct PodDnsConfigOption
    optional {
        /// Its name.
        name: String,
        /// Its value; some have none.
        value: Option<String>,
    }
}
