//! The settings of the server, resolved once from flags and environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// Flags of the server that are taken for the sake of existing installations and change nothing yet. The server
/// warns of them, and the operator reports the fields that become them.
pub const NOT_ACTING: [&str; 15] = [
    "backup-repository-configmap",
    "default-repo-maintain-frequency",
    "default-snapshot-move-data",
    "default-volume-snapshot-locations",
    "default-volumes-to-fs-backup",
    "disable-informer-cache",
    // Only EnableAPIGroupVersions acts.
    "features",
    "fs-backup-timeout",
    "item-operation-sync-frequency",
    "plugin-dir",
    "profiler-address",
    "repo-maintenance-job-configmap",
    "schedule-skip-immediately",
    "v",
    "volume-group-snapshot-label-key",
];

/// The feature that backs up every version of an object, and chooses among them in restores.
pub const EVERY_VERSION: &str = "EnableAPIGroupVersions";

/// The settings of the server.
#[derive(Debug, Clone)]
pub struct Config {
    /// The namespace whose objects are ours.
    pub namespace: String,
    /// The location that backups go to when they name none and no location is the default.
    pub default_location: String,
    /// Where documents are spooled on their way to the store.
    pub scratch: PathBuf,
    /// How often things are looked at.
    pub periods: Periods,
    /// What a backup gets where it does not say.
    pub backup: BackupDefaults,
    /// How restores are made.
    pub restore: RestoreSettings,
    /// Bounds on what is asked of the cluster.
    pub limits: Limits,
    /// The feature flags that are on.
    pub features: BTreeSet<String>,
    /// The controllers that do not run.
    pub disabled: BTreeSet<String>,
}

/// How often things are looked at.
#[derive(Debug, Clone)]
pub struct Periods {
    /// Between two syncs of a location that does not say; zero never syncs.
    pub sync: Duration,
    /// Between two validations of a location that does not say; zero validates once.
    pub validation: Duration,
    /// Between two looks for expired backups.
    pub garbage: Duration,
    /// Between two looks at operations under way.
    pub operations: Duration,
    /// Between two maintenance runs of a repository.
    pub maintenance: Duration,
}

/// What a backup gets where it does not say.
#[derive(Debug, Clone)]
pub struct BackupDefaults {
    /// How long it is kept.
    pub ttl: Duration,
    /// Whether volumes go through the file system.
    pub volumes_to_fs_backup: bool,
    /// Whether snapshots move to the repository.
    pub snapshot_move_data: bool,
    /// How long an operation of an item may take.
    pub item_operation_timeout: Duration,
    /// How long the file system backup of a pod may take.
    pub fs_backup_timeout: Duration,
    /// Snapshot locations by provider.
    pub snapshot_locations: BTreeMap<String, String>,
    /// The label that groups volumes into one snapshot.
    pub volume_group_label: String,
    /// The ConfigMap with rules about the volumes of every backup.
    pub volume_policies: Option<String>,
    /// How many backups run at once.
    pub concurrent: usize,
    /// How many blocks of one backup are brought to rest at once, each with its hooks.
    pub item_block_workers: usize,
}

/// How restores are made.
#[derive(Debug, Clone)]
pub struct RestoreSettings {
    /// The resources that go first, and those that go last, where the server was told.
    pub priorities: Option<Priorities>,
    /// The ConfigMap of the resource modifier of restores that name none.
    pub default_modifier: Option<String>,
    /// How long to wait for something that is being deleted.
    pub terminating_timeout: Duration,
    /// How many restores run at once.
    pub concurrent: usize,
}

/// An order of resources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Priorities {
    /// The resources that go first, in order.
    pub high: Vec<String>,
    /// The resources that go last, in order.
    pub low: Vec<String>,
}

/// Bounds on what is asked of the cluster.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long waits that have no flag of their own may take.
    pub resource_timeout: Duration,
    /// Objects in a page of a list; 0 lists everything at once.
    pub page_size: u32,
    /// Lists that run at once.
    pub connections: usize,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

impl Config {
    /// Whether backups hold every version of an object, and restores choose among them.
    pub fn every_version(&self) -> bool {
        self.features.contains(EVERY_VERSION)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            namespace: "velero".to_owned(),
            default_location: "default".to_owned(),
            scratch: PathBuf::from("/tmp"),
            periods: Periods::default(),
            backup: BackupDefaults::default(),
            restore: RestoreSettings {
                priorities: None,
                default_modifier: None,
                terminating_timeout: 10 * MINUTE,
                concurrent: 1,
            },
            limits: Limits { resource_timeout: 10 * MINUTE, page_size: 500, connections: 30 },
            features: BTreeSet::new(),
            disabled: BTreeSet::new(),
        }
    }
}

impl Default for Periods {
    fn default() -> Self {
        Self {
            sync: MINUTE,
            validation: MINUTE,
            garbage: HOUR,
            operations: Duration::from_secs(10),
            maintenance: HOUR,
        }
    }
}

impl Default for BackupDefaults {
    fn default() -> Self {
        Self {
            ttl: 720 * HOUR,
            volumes_to_fs_backup: false,
            snapshot_move_data: false,
            item_operation_timeout: 4 * HOUR,
            fs_backup_timeout: 4 * HOUR,
            snapshot_locations: BTreeMap::new(),
            volume_group_label: "velero.io/volume-group".to_owned(),
            volume_policies: None,
            concurrent: 1,
            item_block_workers: 1,
        }
    }
}
