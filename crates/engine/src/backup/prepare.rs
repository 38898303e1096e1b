//! From a Backup as its maker wrote it to one that can run: defaults, locations, annotations, validation.

use std::collections::BTreeMap;

use api::velero::v1::{
    AccessMode, Backup, BackupPhase, BackupSpec, BackupStatus, BackupStorageLocation, LocationPhase,
    VolumeSnapshotLocation,
};
use api::{GoDuration, Kind, Time, labels, names};
use jiff::Timestamp;

use super::observed::{Defaults, NamespaceFacts, Observed};
use crate::filter::selector::Selector;
use crate::filter::set::{check_lists, check_namespaces, check_scoped};
use crate::hooks::check_backup as check_hooks;

/// A Backup as it is stored before it runs. What is here is merged into the resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prepared {
    /// The complete spec.
    pub spec: BackupSpec,
    /// Labels to add.
    pub labels: BTreeMap<String, String>,
    /// Annotations to add.
    pub annotations: BTreeMap<String, String>,
    /// The complete status: `InProgress`, or `FailedValidation`.
    pub status: BackupStatus,
    /// Why the backup cannot run; the same as in the status.
    pub validation_errors: Vec<String>,
}

/// Prepares a backup to begin `now`.
pub fn prepare(backup: &Backup, observed: &Observed, defaults: &Defaults, now: Timestamp) -> Prepared {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut prepared =
        Prepared { spec: backup.spec.clone(), status: backup.status.clone(), ..Prepared::default() };
    fill_in(&mut prepared.spec, defaults);
    prepared.storage_location(observed, defaults);
    prepared.snapshot_locations(observed, defaults);
    prepared.annotate(observed, defaults);
    prepared.times();
    prepared.namespaces(observed);
    prepared.filters();
    prepared.policies(observed);
    prepared.conclude(now);
    prepared
}

/// The server's defaults where the spec is silent.
fn fill_in(spec: &mut BackupSpec, defaults: &Defaults) {
    let or = |value: &mut GoDuration, default| {
        if value.is_zero() {
            *value = default;
        }
    };
    or(&mut spec.ttl, defaults.ttl);
    or(&mut spec.csi_snapshot_timeout, defaults.csi_snapshot_timeout);
    or(&mut spec.item_operation_timeout, defaults.item_operation_timeout);
    if spec.volume_group_snapshot_label_key.is_empty() {
        spec.volume_group_snapshot_label_key.clone_from(&defaults.volume_group_snapshot_label_key);
    }
    // The old name asks, too, whatever the new one says: Velero copies a true one over it.
    let old = spec.default_volumes_to_restic.filter(|old| *old);
    let fs = old.or(spec.default_volumes_to_fs_backup).unwrap_or(defaults.volumes_to_fs_backup);
    spec.default_volumes_to_fs_backup = Some(fs);
    spec.snapshot_move_data = Some(spec.snapshot_move_data.unwrap_or(defaults.snapshot_move_data));
}

impl Prepared {
    fn refuse(&mut self, error: impl Into<String>) {
        self.validation_errors.push(error.into());
    }

    fn storage_location(&mut self, observed: &Observed, defaults: &Defaults) {
        let chosen = chosen_location(&self.spec, &observed.locations, defaults);
        self.spec.storage_location.clone_from(&chosen);
        let Some(location) = observed.locations.iter().find(|of| of.name() == chosen) else {
            self.refuse(format!(
                "backup storage location {chosen:?} was not found: create it, or name another one"
            ));
            return;
        };
        self.labels.insert(labels::STORAGE_LOCATION.into(), names::label_value(&chosen));
        if location.spec.access_mode == AccessMode::ReadOnly {
            self.refuse(format!("backup can't be created because backup storage location {chosen} is currently in read-only mode"));
        }
        if location.status.phase != Some(LocationPhase::Available) {
            let why = match location.status.message.as_str() {
                "" => "it has not been validated yet".to_owned(),
                message => message.to_owned(),
            };
            self.refuse(format!(
                "backup storage location {chosen} is not available, check the location: {why}"
            ));
        }
    }

    /// The named snapshot locations, and for every other provider the one to use.
    fn snapshot_locations(&mut self, observed: &Observed, defaults: &Defaults) {
        if self.spec.snapshot_volumes == Some(false) {
            return;
        }
        let mut chosen: BTreeMap<&str, &str> = BTreeMap::new();
        for name in std::mem::take(&mut self.spec.volume_snapshot_locations) {
            let Some(location) = observed.snapshot_locations.iter().find(|of| of.name() == name) else {
                self.refuse(format!("volume snapshot location {name:?} was not found"));
                continue;
            };
            let provider = location.spec.provider.as_str();
            if chosen.insert(provider, location.name()).is_some_and(|other| other != name) {
                self.refuse(format!(
                    "more than one volume snapshot location is named for provider {provider}"
                ));
            }
        }
        for (provider, locations) in by_provider(&observed.snapshot_locations) {
            if chosen.contains_key(provider) {
                continue;
            }
            match (locations.as_slice(), defaults.snapshot_locations.get(provider)) {
                ([only], _) => drop(chosen.insert(provider, only)),
                (several, Some(default)) if several.contains(&default.as_str()) => {
                    chosen.insert(provider, default);
                }
                _ => self.refuse(format!(
                    "provider {provider} has more than one possible volume snapshot location, and none were \
                     specified explicitly or as a default"
                )),
            }
        }
        self.spec.volume_snapshot_locations = chosen.into_values().map(str::to_owned).collect();
    }

    fn annotate(&mut self, observed: &Observed, defaults: &Defaults) {
        let version = &observed.version;
        for (key, value) in [
            (labels::SOURCE_CLUSTER_VERSION, version.git.clone()),
            (labels::SOURCE_CLUSTER_MAJOR, version.major.clone()),
            (labels::SOURCE_CLUSTER_MINOR, version.minor.clone()),
            (labels::RESOURCE_TIMEOUT, defaults.resource_timeout.to_string()),
        ] {
            self.annotations.insert(key.into(), value);
        }
    }

    /// A time to live of less than none would have the backup deleted as soon as it is complete.
    fn times(&mut self) {
        let spec = &self.spec;
        let times = [
            ("ttl", spec.ttl),
            ("csiSnapshotTimeout", spec.csi_snapshot_timeout),
            ("itemOperationTimeout", spec.item_operation_timeout),
        ];
        for (field, time) in times.into_iter().filter(|(_, time)| *time < GoDuration::ZERO) {
            self.refuse(format!("{field} is {time}, which is less than none"));
        }
    }

    /// Namespaces that a label keeps out of all backups become part of the spec, as does the absence of a list.
    fn namespaces(&mut self, observed: &Observed) {
        for NamespaceFacts { name, .. } in observed.namespaces.iter().filter(|of| of.excluded()) {
            if self.spec.included_namespaces.contains(name) {
                self.refuse(format!(
                    "namespace {name} is included and carries the label {}=true, which leaves it out of all backups",
                    labels::EXCLUDE_FROM_BACKUP
                ));
            } else if !self.spec.excluded_namespaces.contains(name) {
                self.spec.excluded_namespaces.push(name.clone());
            }
        }
        if self.spec.included_namespaces.is_empty() {
            self.spec.included_namespaces = vec!["*".to_owned()];
        }
    }

    fn filters(&mut self) {
        let spec = &self.spec;
        let mut errors = Vec::new();
        if uses_old_filters(spec) && uses_scoped_filters(spec) {
            errors.push(
                "includedResources, excludedResources and includeClusterResources cannot be used together with the \
                 filters of cluster-scoped and namespace-scoped resources: use one family or the other"
                    .to_owned(),
            );
        }
        let mut report = |what: &str, found: Vec<String>| {
            errors
                .extend(found.iter().map(|error| format!("Invalid included/excluded {what} lists: {error}")));
        };
        report("resource", check_lists(&spec.included_resources, &spec.excluded_resources));
        report(
            "cluster-scoped resource",
            check_scoped(&spec.included_cluster_scoped_resources, &spec.excluded_cluster_scoped_resources),
        );
        report(
            "namespace-scoped resource",
            check_scoped(
                &spec.included_namespace_scoped_resources,
                &spec.excluded_namespace_scoped_resources,
            ),
        );
        report("namespace", check_namespaces(&spec.included_namespaces, &spec.excluded_namespaces));
        if spec.label_selector.is_some() && !spec.or_label_selectors.is_empty() {
            errors.push(
                "labelSelector and orLabelSelectors cannot be used together: use one of them".to_owned(),
            );
        }
        let selectors = spec.label_selector.iter().chain(&spec.or_label_selectors);
        errors.extend(
            selectors.filter_map(|selector| Selector::of(selector).err()).map(|error| error.to_string()),
        );
        errors.extend(check_hooks(&spec.hooks));
        self.validation_errors.extend(errors);
    }

    /// A policy that is not there, or is wrong, protects nothing: the backup does not begin.
    fn policies(&mut self, observed: &Observed) {
        let own = self.spec.resource_policy.as_ref();
        if let Some(kind) =
            own.map(|own| own.kind.clone()).filter(|kind| !kind.eq_ignore_ascii_case("configmap"))
        {
            self.refuse(format!("resourcePolicy has the kind {kind:?}, and only configmap is known"));
        }
        match observed.policies.read() {
            Err(errors) => self.validation_errors.extend(errors),
            Ok(policy) if policy.selects() && uses_old_filters(&self.spec) => self.refuse(
                "includedResources, excludedResources and includeClusterResources cannot be used together with the \
                 includeExcludePolicy, namespacedFilterPolicies or clusterScopedFilterPolicy of a resource policy: \
                 name the types in the policy, or in the filters of cluster-scoped and namespace-scoped resources",
            ),
            Ok(_) => {}
        }
        if let Some(global) = &observed.policies.global {
            self.annotations.insert(labels::GLOBAL_VOLUME_POLICIES.into(), global.name.clone());
        }
    }

    fn conclude(&mut self, now: Timestamp) {
        let status = &mut self.status;
        status.version = 1;
        status.format_version = labels::FORMAT_VERSION.to_owned();
        status.queue_position = 0;
        status.expiration = now.checked_add(self.spec.ttl.to_signed()).ok().map(Time);
        status.validation_errors.clone_from(&self.validation_errors);
        if self.validation_errors.is_empty() {
            status.phase = BackupPhase::InProgress;
            status.start_timestamp = Some(Time(now));
        } else {
            status.phase = BackupPhase::FailedValidation;
            status.completion_timestamp = Some(Time(now));
        }
    }
}

/// Whether a spec uses the filters that do not tell scopes apart.
pub fn uses_old_filters(spec: &BackupSpec) -> bool {
    !spec.included_resources.is_empty()
        || !spec.excluded_resources.is_empty()
        || spec.include_cluster_resources.is_some()
}

/// Whether a spec uses the filters of one scope each.
pub fn uses_scoped_filters(spec: &BackupSpec) -> bool {
    let lists = [
        &spec.included_cluster_scoped_resources,
        &spec.excluded_cluster_scoped_resources,
        &spec.included_namespace_scoped_resources,
        &spec.excluded_namespace_scoped_resources,
    ];
    lists.iter().any(|list| !list.is_empty())
}

/// The location that is named, else the one marked as the default, else the server's.
fn chosen_location(spec: &BackupSpec, locations: &[BackupStorageLocation], defaults: &Defaults) -> String {
    if !spec.storage_location.is_empty() {
        return spec.storage_location.clone();
    }
    let marked = locations.iter().find(|of| of.spec.default).map(|of| of.name().to_owned());
    marked.unwrap_or_else(|| defaults.storage_location.clone())
}

fn by_provider(locations: &[VolumeSnapshotLocation]) -> BTreeMap<&str, Vec<&str>> {
    let mut providers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for location in locations {
        providers.entry(&location.spec.provider).or_default().push(location.name());
    }
    providers
}

#[cfg(test)]
mod tests;
