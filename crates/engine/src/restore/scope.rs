//! What a restore selects: the filters of its spec and of its resource policy, read once.

use std::collections::BTreeSet;

use api::meta::GroupResource;
use api::velero::v1::RestoreSpec;

use super::plan::Rule;
use crate::catalog::Catalog;
use crate::facts::Facts;
use crate::filter::glob::is_pattern;
use crate::filter::{Selector, SelectorError, Set};
use crate::policy::Filter;
use crate::policy::filter::{Bound, Note, Verdict};

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

/// The filters of a restore, compiled. Whatever else is to filter objects belongs here: planning asks [`Scope::selects`]
/// and [`Scope::admits`] of each object and nothing else.
#[derive(Debug, Clone)]
pub struct Scope {
    namespaces: Set,
    resources: Set,
    cluster_scoped: ClusterScoped,
    selectors: Vec<Selector>,
    policy: Bound,
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
    /// Reads the filters of a spec and of its policy. `catalog` knows the types of the cluster and of the archive,
    /// `namespaces` are those that the archive has objects of.
    pub fn of(
        spec: &RestoreSpec,
        policy: &Filter,
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
            policy: policy.bind(catalog),
            status: status.map(|of| resources(&of.included_resources, &of.excluded_resources, catalog)),
        })
    }

    /// Whether the filters select an object; else which of them does not.
    pub fn selects(&self, facts: &Facts) -> Result<(), Rule> {
        self.admits(facts)?;
        if facts.key.namespace.is_none() && self.cluster_scoped == ClusterScoped::Needed {
            return Err(Rule::ClusterScope);
        }
        match self.policy.judge(&facts.key, &facts.kind, &facts.labels) {
            Verdict::Selected => Ok(()),
            Verdict::Refused => Err(Rule::FilterPolicy),
            Verdict::Unconcerned if self.labelled(facts) => Ok(()),
            Verdict::Unconcerned => Err(Rule::LabelSelector),
        }
    }

    fn labelled(&self, facts: &Facts) -> bool {
        self.selectors.is_empty() || self.selectors.iter().any(|one| one.matches(&facts.labels))
    }

    /// What the filters of a policy say in vain.
    pub fn in_vain(&self, policy: &Filter, catalog: &Catalog) -> Vec<Note> {
        policy.notes(catalog, |of| {
            let listed_in_vain = !of.namespaced && self.cluster_scoped != ClusterScoped::All;
            listed_in_vain || self.admits_type(&of.group_resource()).is_err()
        })
    }

    /// Whether an object may come along because a selected one needs it: neither labels nor the policy matter then.
    pub fn admits(&self, facts: &Facts) -> Result<(), Rule> {
        self.admits_type(&facts.key.resource)?;
        if facts.key.namespace.is_none() && self.cluster_scoped == ClusterScoped::None {
            return Err(Rule::ClusterScope);
        }
        match namespace_of(facts) {
            Some(namespace) if !self.namespaces.matches(namespace) => Err(Rule::NamespaceFilter),
            _ => Ok(()),
        }
    }

    fn admits_type(&self, resource: &GroupResource) -> Result<(), Rule> {
        let resource = resource.to_string();
        if NOT_RESTORABLE.contains(&resource.as_str()) {
            Err(Rule::NotRestorable)
        } else if SNAPSHOT_RECORDS.contains(&resource.as_str()) {
            Err(Rule::SnapshotRecord)
        } else if self.resources.matches(&resource) {
            Ok(())
        } else {
            Err(Rule::ResourceFilter)
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
