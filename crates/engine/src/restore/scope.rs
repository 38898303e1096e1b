//! What a restore selects: the filters of its spec, read once.

use std::collections::BTreeSet;

use api::meta::GroupResource;
use api::velero::v1::RestoreSpec;

use super::plan::Rule;
use crate::catalog::Catalog;
use crate::facts::Facts;
use crate::filter::glob::is_pattern;
use crate::filter::{Selector, SelectorError, Set};

/// Types whose objects are never restored.
pub const NOT_RESTORABLE: &[&str] = &[
    "nodes",
    "events",
    "events.events.k8s.io",
    "backups.velero.io",
    "restores.velero.io",
    "resticrepositories.velero.io",
    "csinodes.storage.k8s.io",
    "volumeattachments.storage.k8s.io",
    "backuprepositories.velero.io",
];

/// Types whose objects record a snapshot: what a restore of volumes reads, and never creates as it is.
const SNAPSHOT_RECORDS: &[&str] = &[
    "datadownloads.velero.io",
    "datauploads.velero.io",
    "podvolumebackups.velero.io",
    "podvolumerestores.velero.io",
    "volumegroupsnapshotcontents.groupsnapshot.storage.k8s.io",
    "volumegroupsnapshots.groupsnapshot.storage.k8s.io",
    "volumesnapshotcontents.snapshot.storage.k8s.io",
    "volumesnapshots.snapshot.storage.k8s.io",
];

/// The filters of a restore, compiled. Whatever else is to filter objects, such as a policy, belongs here: planning asks
/// [`Scope::selects`] and [`Scope::admits`] of each object and nothing else.
#[derive(Debug, Clone)]
pub struct Scope {
    namespaces: Set,
    resources: Set,
    cluster_scoped: ClusterScoped,
    selectors: Vec<Selector>,
    status: Option<Set>,
}

/// Which cluster-scoped objects belong to a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClusterScoped {
    /// Those that the other filters select.
    All,
    /// Those that another selected object needs.
    Needed,
    /// None.
    None,
}

impl Scope {
    /// Reads the filters. `catalog` knows the types of the cluster and of the archive, `namespaces` are those that the
    /// archive has objects of.
    pub fn of(
        spec: &RestoreSpec,
        catalog: &Catalog,
        namespaces: &BTreeSet<&str>,
    ) -> Result<Self, SelectorError> {
        let all = Set::new(&spec.included_namespaces, &spec.excluded_namespaces);
        let cluster_scoped = match spec.include_cluster_resources {
            Some(true) => ClusterScoped::All,
            None if all.everything() => ClusterScoped::All,
            None => ClusterScoped::Needed,
            Some(false) => ClusterScoped::None,
        };
        let status = spec.restore_status.as_ref();
        Ok(Self {
            namespaces: all.expanded(namespaces.iter().copied()),
            resources: resources(&spec.included_resources, &spec.excluded_resources, catalog),
            cluster_scoped,
            selectors: selectors(spec)?,
            status: status.map(|of| resources(&of.included_resources, &of.excluded_resources, catalog)),
        })
    }

    /// Whether the filters select an object; else which of them does not.
    pub fn selects(&self, facts: &Facts) -> Result<(), Rule> {
        self.admits(facts)?;
        if facts.key.namespace.is_none() && self.cluster_scoped == ClusterScoped::Needed {
            return Err(Rule::ClusterScope);
        }
        let matching =
            self.selectors.is_empty() || self.selectors.iter().any(|one| one.matches(&facts.labels));
        if matching { Ok(()) } else { Err(Rule::LabelSelector) }
    }

    /// Whether an object may come along because a selected one needs it: labels do not matter then.
    pub fn admits(&self, facts: &Facts) -> Result<(), Rule> {
        let resource = facts.key.resource.to_string();
        if NOT_RESTORABLE.contains(&resource.as_str()) {
            return Err(Rule::NotRestorable);
        }
        if SNAPSHOT_RECORDS.contains(&resource.as_str()) {
            return Err(Rule::SnapshotRecord);
        }
        if !self.resources.matches(&resource) {
            return Err(Rule::ResourceFilter);
        }
        if facts.key.namespace.is_none() && self.cluster_scoped == ClusterScoped::None {
            return Err(Rule::ClusterScope);
        }
        match namespace_of(facts) {
            Some(namespace) if !self.namespaces.matches(namespace) => Err(Rule::NamespaceFilter),
            _ => Ok(()),
        }
    }

    /// Whether an object gets its status back.
    pub fn restores_status(&self, facts: &Facts) -> bool {
        let by_type = || self.status.as_ref().is_some_and(|set| set.matches(&facts.key.resource.to_string()));
        facts.marks.has_status && facts.marks.restore_status.unwrap_or_else(by_type)
    }
}

/// The namespace that an object is in, or is.
fn namespace_of(facts: &Facts) -> Option<&str> {
    let itself = || facts.key.resource.is("", "namespaces").then_some(facts.key.name.as_str());
    facts.key.namespace.as_deref().or_else(itself)
}

fn selectors(spec: &RestoreSpec) -> Result<Vec<Selector>, SelectorError> {
    spec.label_selector.iter().chain(&spec.or_label_selectors).map(Selector::of).collect()
}

fn resources(includes: &[String], excludes: &[String], catalog: &Catalog) -> Set {
    let canonical = |list: &[String]| list.iter().map(|entry| canonical(entry, catalog)).collect::<Vec<_>>();
    Set::new(&canonical(includes), &canonical(excludes))
}

/// A user's word for a type as its group-resource; patterns and unknown words stay as they are.
pub fn canonical(entry: &str, catalog: &Catalog) -> String {
    let found = if is_pattern(entry) { None } else { catalog.resolve(entry) };
    found.map_or_else(|| entry.to_owned(), |of| of.group_resource().to_string())
}

/// Whether a type is one of those that are never restored.
pub fn is_restorable(resource: &GroupResource) -> bool {
    !NOT_RESTORABLE.contains(&resource.to_string().as_str())
}
