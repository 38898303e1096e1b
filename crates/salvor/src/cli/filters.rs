//! The flags that say what a backup holds: the same for backups and for the template of schedules.

use anyhow::bail;
use api::GoDuration;
use api::LabelSelector;
use api::refs::TypedLocalObjectReference;
use api::velero::v1::{BackupSpec, UploaderConfigForBackup};
use clap::Args;

use super::values::{self, Names, OrSelectors, Pairs, TriState};

/// What a backup holds, and how.
#[derive(Debug, Clone, Default, Args)]
pub struct BackupFlags {
    /// How long the backup is kept [default: the server's, 720h]
    #[arg(long, value_parser = values::duration)]
    pub ttl: Option<GoDuration>,
    /// Namespaces to include; * is all
    #[arg(long, value_parser = values::names, default_value = "*")]
    pub include_namespaces: Names,
    /// Namespaces to exclude
    #[arg(long, value_parser = values::names, default_value = "")]
    pub exclude_namespaces: Names,
    /// Resources to include, such as deployments.apps; * is all
    #[arg(long, value_parser = values::names, default_value = "")]
    pub include_resources: Names,
    /// Resources to exclude
    #[arg(long, value_parser = values::names, default_value = "")]
    pub exclude_resources: Names,
    /// Include cluster-scoped resources
    #[arg(long, value_parser = values::tri_state, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub include_cluster_resources: Option<TriState>,
    /// Cluster-scoped resources to include
    #[arg(long, value_parser = values::names, default_value = "")]
    pub include_cluster_scoped_resources: Names,
    /// Cluster-scoped resources to exclude
    #[arg(long, value_parser = values::names, default_value = "")]
    pub exclude_cluster_scoped_resources: Names,
    /// Namespaced resources to include
    #[arg(long, value_parser = values::names, default_value = "")]
    pub include_namespace_scoped_resources: Names,
    /// Namespaced resources to exclude
    #[arg(long, value_parser = values::names, default_value = "")]
    pub exclude_namespace_scoped_resources: Names,
    /// The location to store it in
    #[arg(long, default_value = "")]
    pub storage_location: String,
    /// The locations of volume snapshots
    #[arg(long, value_delimiter = ',')]
    pub volume_snapshot_locations: Vec<String>,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_parser = values::selector)]
    pub selector: Option<LabelSelector>,
    /// Only objects with one of these sets of labels, joined by " or "
    #[arg(long, value_parser = values::or_selectors)]
    pub or_selector: Option<OrSelectors>,
    /// Objects that go first: pods=ns1/p1,ns1/p2;persistentvolumeclaims=ns1/c
    #[arg(long, value_parser = values::ordered_resources, default_value = "")]
    pub ordered_resources: Pairs,
    /// How long a CSI snapshot may take
    #[arg(long, value_parser = values::duration)]
    pub csi_snapshot_timeout: Option<GoDuration>,
    /// How long work in the background may take
    #[arg(long, value_parser = values::duration)]
    pub item_operation_timeout: Option<GoDuration>,
    /// Snapshot volumes
    #[arg(long, value_parser = values::tri_state, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub snapshot_volumes: Option<TriState>,
    /// Move the data of snapshots to the location
    #[arg(long, value_parser = values::tri_state, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub snapshot_move_data: Option<TriState>,
    /// Who moves the data of snapshots
    #[arg(long, default_value = "")]
    pub data_mover: String,
    /// Back up volumes of pods through the file system
    #[arg(long, value_parser = values::tri_state, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub default_volumes_to_fs_backup: Option<TriState>,
    /// The ConfigMap with resource policies
    #[arg(long, default_value = "")]
    pub resource_policies_configmap: String,
    /// How many files of a volume are read at once
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "COUNT")]
    pub parallel_files_upload: isize,
}

/// Why both families of filters cannot be mixed.
const MIXED: &str = "include-resources, exclude-resources and include-cluster-resources are old filter parameters. \
    They cannot be used together with include-cluster-scoped-resources, exclude-cluster-scoped-resources, \
    include-namespace-scoped-resources and exclude-namespace-scoped-resources. \
    Use one family of filters or the other.";

impl BackupFlags {
    /// The spec that the flags ask for.
    pub fn spec(&self) -> anyhow::Result<BackupSpec> {
        self.check()?;
        let policy = (!self.resource_policies_configmap.is_empty())
            .then(|| config_map(&self.resource_policies_configmap));
        Ok(BackupSpec {
            ttl: self.ttl.unwrap_or_default(),
            included_namespaces: self.include_namespaces.0.clone(),
            excluded_namespaces: self.exclude_namespaces.0.clone(),
            included_resources: self.include_resources.0.clone(),
            excluded_resources: self.exclude_resources.0.clone(),
            include_cluster_resources: values::told(self.include_cluster_resources),
            included_cluster_scoped_resources: self.include_cluster_scoped_resources.0.clone(),
            excluded_cluster_scoped_resources: self.exclude_cluster_scoped_resources.0.clone(),
            included_namespace_scoped_resources: self.include_namespace_scoped_resources.0.clone(),
            excluded_namespace_scoped_resources: self.exclude_namespace_scoped_resources.0.clone(),
            storage_location: self.storage_location.clone(),
            volume_snapshot_locations: self.volume_snapshot_locations.clone(),
            label_selector: self.selector.clone(),
            or_label_selectors: self.or_selector.clone().map(|selectors| selectors.0).unwrap_or_default(),
            ordered_resources: self.ordered_resources.0.clone(),
            csi_snapshot_timeout: self.csi_snapshot_timeout.unwrap_or_default(),
            item_operation_timeout: self.item_operation_timeout.unwrap_or_default(),
            snapshot_volumes: values::told(self.snapshot_volumes),
            snapshot_move_data: values::told(self.snapshot_move_data),
            datamover: self.data_mover.clone(),
            default_volumes_to_fs_backup: values::told(self.default_volumes_to_fs_backup),
            resource_policy: policy,
            uploader_config: (self.parallel_files_upload > 0)
                .then_some(UploaderConfigForBackup { parallel_files_upload: self.parallel_files_upload }),
            ..BackupSpec::default()
        })
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.selector.is_some() && self.or_selector.is_some() {
            bail!("either a 'selector' or an 'or-selector' can be specified, but not both");
        }
        let old = !self.include_resources.0.is_empty()
            || !self.exclude_resources.0.is_empty()
            || values::told(self.include_cluster_resources).is_some();
        let scoped = [
            &self.include_cluster_scoped_resources,
            &self.exclude_cluster_scoped_resources,
            &self.include_namespace_scoped_resources,
            &self.exclude_namespace_scoped_resources,
        ];
        if old && scoped.iter().any(|names| !names.0.is_empty()) {
            bail!(MIXED);
        }
        Ok(())
    }
}

/// A reference to a ConfigMap of the server's namespace.
pub fn config_map(name: &str) -> TypedLocalObjectReference {
    TypedLocalObjectReference {
        kind: "configmap".to_owned(),
        name: name.to_owned(),
        ..TypedLocalObjectReference::default()
    }
}
