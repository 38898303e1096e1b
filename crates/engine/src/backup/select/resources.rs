//! Which types a backup selects, by either family of filters.

use api::meta::{GroupResource, ResourceType};
use api::velero::v1::BackupSpec;

use super::{is_namespaces, problems};
use crate::backup::prepare::uses_old_filters;
use crate::backup::rule::Rule;
use crate::catalog::Catalog;
use crate::filter::glob::is_pattern;
use crate::filter::set::Set;
use crate::policy::Lists;
use crate::problem::{Code, Problem, Severity};

/// The types that a backup selects. The lists are the user's own: snapshot objects are left out apart from them, so
/// that a backup of everything stays one.
#[derive(Debug, Clone)]
pub(super) enum Resources {
    /// One pair of lists for both scopes.
    Global {
        /// The lists.
        set: Set,
        /// Whether cluster-scoped objects come along; absent for those of a backup of all namespaces.
        cluster: Option<bool>,
        /// Whether all namespaces are selected.
        all_namespaces: bool,
    },
    /// A pair of lists for each scope.
    Scoped {
        /// The lists of cluster-scoped types.
        cluster: Set,
        /// The lists of namespaced types.
        namespaced: Set,
        /// Whether nothing at all is restricted, so that cluster-scoped types need not be asked for.
        everything: bool,
    },
}

impl Resources {
    pub(super) fn new(
        spec: &BackupSpec,
        catalog: &Catalog,
        all_namespaces: bool,
        policy: &Lists,
        problems: &mut Vec<Problem>,
    ) -> Self {
        problems.extend(snapshots_asked_for(spec, catalog));
        let mut list = |entries: &[String], scope| resolved(entries, catalog, scope, problems);
        if uses_old_filters(spec) {
            let excludes: Vec<String> =
                spec.excluded_resources.iter().filter(|of| *of != "*").cloned().collect();
            let set =
                set(&list(&spec.included_resources, None), &list(&excludes, None), &spec.included_resources);
            return Self::Global { set, cluster: spec.include_cluster_resources, all_namespaces };
        }
        let written = [
            (&spec.included_cluster_scoped_resources, &spec.excluded_cluster_scoped_resources),
            (&spec.included_namespace_scoped_resources, &spec.excluded_namespace_scoped_resources),
        ];
        let added = [
            (&policy.included_cluster_scoped_resources, &policy.excluded_cluster_scoped_resources),
            (&policy.included_namespace_scoped_resources, &policy.excluded_namespace_scoped_resources),
        ];
        let mut scoped = |scope: usize| {
            let mut resolve = |entries: &[String]| list(entries, Some(scope == 1));
            let (written, added) = (written[scope], added[scope]);
            let (includes, more) = (resolve(written.0), resolve(added.0));
            let asked = !written.0.is_empty() || !added.0.is_empty();
            if asked && includes.is_empty() && more.is_empty() {
                return Set::nothing();
            }
            let lists = (includes, resolve(written.1));
            let (includes, excludes) = combined(lists, (more, resolve(added.1)));
            Set::new(&includes, &excludes)
        };
        let (cluster, namespaced) = (scoped(0), scoped(1));
        let everything = cluster.unlisted() && all_namespaces && namespaced.everything();
        Self::Scoped { cluster, namespaced, everything }
    }

    /// Whether the objects of a type are selected.
    pub(super) fn selects(&self, of: &ResourceType) -> Result<(), Rule> {
        let name = of.group_resource().to_string();
        if snapshot_objects(of) {
            return Err(Rule::SnapshotObject);
        }
        let namespaces = is_namespaces(&of.group_resource());
        match self {
            Self::Global { cluster: Some(false), .. }
            | Self::Global { cluster: None, all_namespaces: false, .. }
                if !of.namespaced && !namespaces =>
            {
                Err(Rule::ClusterScope)
            }
            Self::Global { set, .. } => listed(set.matches(&name), Rule::ResourceFilter),
            Self::Scoped { namespaced, .. } if of.namespaced => {
                listed(namespaced.matches(&name), Rule::ResourceFilter)
            }
            Self::Scoped { cluster, .. } if cluster.excludes(&name) => Err(Rule::ResourceFilter),
            Self::Scoped { cluster, everything, .. } => {
                listed(*everything || namespaces || cluster.includes(&name), Rule::ClusterScope)
            }
        }
    }

    /// Whether an include entry is the name of a type, and no pattern.
    pub(super) fn names(&self, of: &GroupResource) -> bool {
        let name = of.to_string();
        let lists = match self {
            Self::Global { set, .. } => [Some(set), None],
            Self::Scoped { cluster, namespaced, .. } => [Some(cluster), Some(namespaced)],
        };
        lists.into_iter().flatten().any(|set| set.included().any(|entry| entry == name))
    }

    /// Whether the objects of a type may be brought along by others.
    pub(super) fn admits_related(&self, of: &ResourceType) -> Result<(), Rule> {
        let name = of.group_resource().to_string();
        if of.namespaced || snapshot_objects(of) || is_namespaces(&of.group_resource()) {
            return self.selects(of);
        }
        match self {
            Self::Global { cluster: Some(false), .. } => Err(Rule::ClusterScope),
            Self::Global { set, cluster: Some(true), .. } => {
                listed(!set.excludes(&name), Rule::ResourceFilter)
            }
            Self::Global { set, cluster: None, .. } => listed(set.matches(&name), Rule::ResourceFilter),
            Self::Scoped { cluster, .. } => listed(!cluster.excludes(&name), Rule::ResourceFilter),
        }
    }

    /// Whether a cluster-scoped type is refused, by name or with all others.
    pub(super) fn excludes(&self, of: &ResourceType) -> bool {
        let name = of.group_resource().to_string();
        match self {
            Self::Global { set, cluster, .. } => *cluster == Some(false) || set.excludes(&name),
            Self::Scoped { cluster, .. } => cluster.excludes(&name),
        }
    }
}

/// Snapshots and their contents, which only a decision about their volume brings into a backup.
fn snapshot_objects(of: &ResourceType) -> bool {
    of.group == "snapshot.storage.k8s.io"
        && matches!(of.plural.as_str(), "volumesnapshots" | "volumesnapshotcontents")
}

/// Snapshot objects that the includes name, in vain.
fn snapshots_asked_for(spec: &BackupSpec, catalog: &Catalog) -> Vec<Problem> {
    let scoped =
        spec.included_cluster_scoped_resources.iter().chain(&spec.included_namespace_scoped_resources);
    let named = spec.included_resources.iter().chain(scoped);
    let named = named.filter(|entry| catalog.resolve(entry).is_some_and(snapshot_objects));
    let message = |entry| format!("the filter entry {entry} is passed over");
    named.map(|entry| Problem::new(&problems::SNAPSHOT_OBJECTS, Severity::Warning, message(entry))).collect()
}

fn listed(yes: bool, rule: Rule) -> Result<(), Rule> {
    if yes { Ok(()) } else { Err(rule) }
}

/// The compiled lists. Includes of which nothing is left select nothing, not everything.
fn set(includes: &[String], excludes: &[String], written: &[String]) -> Set {
    if includes.is_empty() && !written.is_empty() { Set::nothing() } else { Set::new(includes, excludes) }
}

type Names = (Vec<String>, Vec<String>);

/// Includes and excludes with those of a policy, but for what the lists speak of already; excludes come first.
fn combined((mut includes, mut excludes): Names, policy: Names) -> Names {
    for (entries, exclude) in [(policy.1, true), (policy.0, false)] {
        for entry in entries {
            let set = Set::new(&includes, &excludes);
            if !set.includes(&entry) && !set.excludes(&entry) {
                if exclude { excludes.push(entry) } else { includes.push(entry) }
            }
        }
    }
    (includes, excludes)
}

/// The entries of a list by their full names. Names that the cluster does not have stay as they are.
fn resolved(
    entries: &[String],
    catalog: &Catalog,
    scope: Option<bool>,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let mut names = Vec::new();
    let mut warn =
        |code: &Code, message: String| problems.push(Problem::new(code, Severity::Warning, message));
    for entry in entries {
        let of = catalog.resolve(entry);
        match of {
            Some(of) if scope.is_some_and(|namespaced| namespaced != of.namespaced) => {
                let scope = if of.namespaced { "namespaced" } else { "cluster-scoped" };
                let message =
                    format!("the filter entry {entry} is passed over: {} are {scope}", of.group_resource());
                warn(&problems::WRONG_SCOPE, message);
                continue;
            }
            None if !is_pattern(entry) => {
                warn(&problems::UNKNOWN_RESOURCE, format!("the cluster has no resource that {entry} names"));
            }
            _ => {}
        }
        names.push(of.map_or_else(|| entry.clone(), |of| of.group_resource().to_string()));
    }
    names
}
