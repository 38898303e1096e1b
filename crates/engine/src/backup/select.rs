//! Which types and objects a backup selects, and what to list to find them.

mod namespaces;
mod resources;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use api::meta::{GroupResource, ObjectKey, ResourceType};
use api::velero::v1::BackupSpec;

use self::namespaces::Namespaces;
use self::resources::Resources;
use super::observed::NamespaceFacts;
use super::rule::Rule;
use super::{derived, problems};
use crate::catalog::Catalog;
use crate::facts::{Details, Facts};
use crate::filter::selector::{Labelled, Selector};
use crate::policy::filter::{Bound, Concern, Verdict};
use crate::policy::{Filter, Policy};
use crate::problem::{Problem, Severity};

/// Verbs without which a type is neither backed up nor restored.
const VERBS: &[&str] = &["list", "create", "get", "delete"];
/// From this many namespaces on, one list of the whole cluster is made instead of one for each, if they are at
/// least a quarter of all.
const NAMESPACES_LISTED_MAX: usize = 8;

/// What a backup selects: decided once, over types and namespaces, then asked about objects.
#[derive(Debug, Clone)]
pub struct Selection {
    catalog: Catalog,
    namespaces: Namespaces,
    resources: Resources,
    /// None means that every object is selected; an empty list, that none is.
    selectors: Option<Vec<Selector>>,
    /// The label of claims whose volumes are snapshotted together.
    group_label: String,
    filter: Bound,
    /// Types that a filter of the policy lists by name.
    listed: BTreeSet<GroupResource>,
    types: Vec<ResourceType>,
    left_out: Vec<(GroupResource, Rule)>,
    options: Options,
}

/// What is asked for besides filters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Every version that the server has of an object is stored, not only the one that it prefers.
    pub every_version: bool,
    /// Of operators, what was asked for is stored, and not what OLM made of it.
    pub operators_as_intents: bool,
}

/// One list that the executor makes, in all its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// What to list.
    pub resource: ResourceType,
    /// In which namespace; absent for the whole cluster.
    pub namespace: Option<String>,
    /// With which label selector; empty for all objects.
    pub selector: String,
    /// Its objects are not selected by being listed: others may bring them along.
    pub auxiliary: bool,
}

impl Selection {
    /// What `spec` selects in a cluster that has these types and namespaces.
    pub fn new(spec: &BackupSpec, catalog: &Catalog, namespaces: &[NamespaceFacts]) -> (Self, Vec<Problem>) {
        Self::following(spec, catalog, namespaces, (&Policy::default(), Options::default()))
    }

    /// The same, by a resource policy and options.
    pub fn following(
        spec: &BackupSpec,
        catalog: &Catalog,
        namespaces: &[NamespaceFacts],
        (policy, options): (&Policy, Options),
    ) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let namespaces = Namespaces::new(spec, namespaces, &mut problems);
        let resources = Resources::new(spec, catalog, namespaces.everything(), &policy.lists, &mut problems);
        let selectors = selectors(spec, &mut problems);
        let listed = policy.filter.listed(catalog).map(ResourceType::group_resource).collect();
        let (types, left_out) = types(catalog, &resources, &listed);
        problems.extend(in_vain(&policy.filter, catalog, &types));
        let filter = policy.filter.bind(catalog);
        let group_label = spec.volume_group_snapshot_label_key.clone();
        let catalog = catalog.clone();
        let selection = Self {
            catalog,
            namespaces,
            resources,
            selectors,
            group_label,
            filter,
            listed,
            types,
            left_out,
            options,
        };
        (selection, problems)
    }

    /// The types whose objects are selected, in the order of the archive.
    pub fn types(&self) -> &[ResourceType] {
        &self.types
    }

    /// The types that are not, each with the rule that left it out.
    pub fn left_out(&self) -> &[(GroupResource, Rule)] {
        &self.left_out
    }

    /// The types of the cluster.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The names of the selected namespaces that exist.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.included()
    }

    /// What to list. Lists of the whole cluster may hold more than is selected: planning leaves the rest aside.
    pub fn lists(&self) -> Vec<ListRequest> {
        let mut lists = Vec::new();
        for of in &self.types {
            if is_namespaces(&of.group_resource()) {
                lists.push(list(of, None, "", false));
                continue;
            }
            for namespace in self.listed_namespaces(of) {
                for selector in self.listed_by(of, namespace) {
                    let versions = self.versions(of);
                    lists.extend(versions.map(|of| list(of, namespace, &selector, false)));
                }
            }
        }
        lists.extend(self.auxiliary_lists());
        lists
    }

    /// The label selectors to list a type with, in a namespace or in the cluster.
    fn listed_by(&self, of: &ResourceType, namespace: Option<&str>) -> Vec<String> {
        let everywhere = of.namespaced && namespace.is_none() && self.filter.concerns(of);
        let texts = |selectors: &[Selector]| selectors.iter().map(ToString::to_string).collect();
        match self.filter.concern(namespace, &of.group_resource(), &of.kind) {
            _ if everywhere => vec![String::new()],
            Concern::Unlisted => Vec::new(),
            Concern::Test(test) if test.selectors().is_empty() => vec![String::new()],
            Concern::Test(test) => texts(test.selectors()),
            Concern::None => self.selectors.as_deref().map_or_else(|| vec![String::new()], texts),
        }
    }

    /// The versions of a type that are stored, the preferred one first.
    fn versions(&self, of: &ResourceType) -> impl Iterator<Item = &ResourceType> {
        let stored = move |other: &&ResourceType| self.options.every_version && other.supports(VERBS);
        let same = (of.group.clone(), of.plural.clone());
        let others = self
            .catalog
            .all()
            .iter()
            .filter(move |other| !other.preferred && (&other.group, &other.plural) == (&same.0, &same.1));
        self.catalog.find(&of.group_resource()).into_iter().chain(others.filter(stored))
    }

    /// Lists that relations are looked up in: who grants to a service account, which pods mount a claim.
    fn auxiliary_lists(&self) -> Vec<ListRequest> {
        let wanted = |group: &str, resource: &str| {
            self.types.iter().any(|of| of.group == group && of.plural == resource)
        };
        let listed_whole = |of: &ResourceType| {
            self.selectors.is_none() && self.types.contains(of) && !self.filter.concerns(of)
        };
        let rbac = |resource| self.catalog.find(&GroupResource::new("rbac.authorization.k8s.io", resource));
        let core = |resource| self.catalog.find(&GroupResource::new("", resource));
        let admitted = |of: &&ResourceType| self.resources.admits_related(of).is_ok();
        let mut lists = Vec::new();
        let mut add = |of: Option<&ResourceType>, asked_by: &str, selector: &str| {
            let Some(of) = of else { return };
            if wanted("", asked_by) && !listed_whole(of) {
                let namespaces = self.listed_namespaces(of);
                lists.extend(namespaces.into_iter().map(|namespace| list(of, namespace, selector, true)));
            }
        };
        // Bindings lead to roles, which may be asked for without them.
        let roles = rbac("clusterroles").filter(admitted);
        let bindings = rbac("clusterrolebindings");
        add(bindings.filter(|of| roles.is_some() || admitted(of)), "serviceaccounts", "");
        add(core("pods").filter(admitted), "persistentvolumeclaims", "");
        if !self.group_label.is_empty() {
            add(core("persistentvolumeclaims").filter(admitted), "persistentvolumeclaims", &self.group_label);
        }
        lists
    }

    /// The namespaces to list a type in; `None` stands for the whole cluster.
    fn listed_namespaces(&self, of: &ResourceType) -> Vec<Option<&str>> {
        let included: Vec<&str> = self.namespaces.included().collect();
        let many = included.len() >= NAMESPACES_LISTED_MAX && included.len() * 4 >= self.namespaces.count();
        if !of.namespaced || many || self.namespaces.unrestricted() {
            return vec![None];
        }
        included.into_iter().map(Some).collect()
    }

    /// Whether an object that was listed is selected, before what speaks against storing it is looked at.
    pub fn selects(&self, object: &Facts) -> Result<(), Rule> {
        let resource = &object.key.resource;
        if !self.types.iter().any(|of| of.group == resource.group && of.plural == resource.resource) {
            let rule = self.left_out.iter().find(|(left_out, _)| left_out == resource);
            return Err(rule.map_or(Rule::ResourceFilter, |(_, rule)| *rule));
        }
        self.admits_namespace(&object.key)?;
        let verdict = self.filter.judge(&object.key, &object.kind, &object.labels);
        match verdict {
            Verdict::Refused => return Err(Rule::FilterPolicy),
            _ if is_namespaces(resource) => {
                return self.selects_namespace(object, verdict == Verdict::Selected);
            }
            Verdict::Selected => return Ok(()),
            Verdict::Unconcerned => {}
        }
        match &self.selectors {
            Some(selectors) if !selectors.iter().any(|selector| selector.matches(&object.labels)) => {
                Err(Rule::LabelSelector)
            }
            _ => Ok(()),
        }
    }

    /// Whether a Namespace object is selected for itself. Others come with what lies in them.
    fn selects_namespace(&self, object: &Facts, listed: bool) -> Result<(), Rule> {
        let active =
            matches!(object.details.as_deref(), Some(Details::Namespace { phase }) if phase == "Active");
        let labelled = self.selectors.iter().flatten().any(|selector| selector.matches(&object.labels));
        let filtered = self.selectors.is_none() || !self.namespaces.everything();
        match listed || labelled || filtered && self.namespaces.includes(&object.key.name) {
            true if active => Ok(()),
            true => Err(Rule::Terminating),
            false => Err(Rule::EmptyNamespace),
        }
    }

    /// Whether an object that another one brings along may be stored. Label selectors do not apply to those.
    pub fn admits(&self, key: &ObjectKey) -> Result<(), Rule> {
        self.admits_namespace(key)?;
        let of = self.catalog.find(&key.resource).ok_or(Rule::ResourceFilter)?;
        self.resources.admits_related(of)?;
        if self.filter.admits(key, &of.kind) { Ok(()) } else { Err(Rule::FilterPolicy) }
    }

    /// Whether a type is asked for by its name.
    pub(super) fn names(&self, resource: &GroupResource) -> bool {
        self.resources.names(resource) || self.listed.contains(resource)
    }

    /// Whether a version is the one that the server prefers.
    pub(super) fn prefers(&self, resource: &GroupResource, version: &str) -> bool {
        self.catalog.find(resource).is_some_and(|of| of.version == version)
    }

    /// Whether every version of an object is stored.
    pub(super) fn every_version(&self) -> bool {
        self.options.every_version
    }

    /// Whether operators are stored as what was asked for.
    pub(super) fn operators_as_intents(&self) -> bool {
        self.options.operators_as_intents
    }

    /// The group that the volume of a claim is snapshotted in.
    pub(super) fn group<'a>(&self, object: &'a Facts) -> Option<&'a str> {
        let claim = object.key.resource.is("", "persistentvolumeclaims");
        let group = object.labels.label(&self.group_label);
        group.filter(|group| claim && !group.is_empty() && !self.group_label.is_empty())
    }

    /// What speaks against storing an object that was selected or brought along.
    pub fn keeps(object: &Facts) -> Result<(), Rule> {
        if object.marks.excluded {
            Err(Rule::ExcludeLabel)
        } else if object.marks.terminating {
            Err(Rule::Terminating)
        } else {
            Ok(())
        }
    }

    /// Whether Namespace objects are stored for what lies in them.
    pub fn keeps_namespaces(&self) -> bool {
        self.types.iter().any(|of| is_namespaces(&of.group_resource()))
    }

    /// Whether definitions of custom resources come along, also those that no label selects: unless they are refused by name.
    pub fn brings_definitions(&self) -> bool {
        let definitions = GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions");
        self.catalog.find(&definitions).is_some_and(|of| !self.resources.excludes(of))
    }

    fn admits_namespace(&self, key: &ObjectKey) -> Result<(), Rule> {
        let name = if is_namespaces(&key.resource) { Some(&key.name) } else { key.namespace.as_ref() };
        match name {
            Some(name) if !self.namespaces.includes(name) => Err(Rule::NamespaceFilter),
            _ => Ok(()),
        }
    }
}

/// Whether a resource is that of Namespace objects.
pub(super) fn is_namespaces(resource: &GroupResource) -> bool {
    resource.is("", "namespaces")
}

fn list(of: &ResourceType, namespace: Option<&str>, selector: &str, auxiliary: bool) -> ListRequest {
    let namespace = namespace.map(str::to_owned);
    ListRequest { resource: of.clone(), namespace, selector: selector.to_owned(), auxiliary }
}

/// The label selectors, one of which an object must match. One that cannot be read selects nothing.
fn selectors(spec: &BackupSpec, problems: &mut Vec<Problem>) -> Option<Vec<Selector>> {
    let written: Vec<_> = spec.label_selector.iter().chain(&spec.or_label_selectors).collect();
    let mut read = Vec::new();
    for selector in &written {
        match Selector::of(selector) {
            Ok(selector) => read.push(selector),
            Err(error) => {
                problems.push(Problem::new(&problems::BAD_SELECTOR, Severity::Error, error.to_string()));
            }
        }
    }
    let all = written.is_empty() || read.iter().any(Selector::is_empty);
    (!all).then_some(read)
}

/// What the filters of a policy say in vain.
fn in_vain(filter: &Filter, catalog: &Catalog, types: &[ResourceType]) -> Vec<Problem> {
    let notes = filter.notes(catalog, |of| !types.contains(of));
    notes
        .iter()
        .map(|note| Problem::new(&problems::FILTER_POLICY, Severity::Warning, note.to_string()))
        .collect()
}

/// The selected types in the order of the archive, and the others with the rule that left each out.
fn types(
    catalog: &Catalog,
    resources: &Resources,
    listed: &BTreeSet<GroupResource>,
) -> (Vec<ResourceType>, Vec<(GroupResource, Rule)>) {
    let named = |of: &GroupResource| resources.names(of) || listed.contains(of);
    let mut types: Vec<ResourceType> = Vec::new();
    let mut left_out = Vec::new();
    let mut ordered: Vec<&ResourceType> = catalog.preferred().collect();
    ordered.sort_by_key(|of| (of.group == "extensions", !of.group.is_empty(), core_rank(of)));
    for of in ordered {
        let derived = derived::of_type(of).filter(|_| !named(&of.group_resource()));
        let rule = match (resources.selects(of), derived) {
            _ if !of.supports(VERBS) => Err(Rule::Verbs),
            (Ok(()), Some(rule)) => Err(rule),
            (Ok(()), None) if types.iter().any(|first| cohabit(first, of)) => Err(Rule::Cohabitation),
            (outcome, _) => outcome,
        };
        match rule {
            Ok(()) => types.push(of.clone()),
            Err(rule) => left_out.push((of.group_resource(), rule)),
        }
    }
    (types, left_out)
}

/// Pods come first, for their hooks and volumes, then claims and volumes; the rest keeps the server's order.
fn core_rank(of: &ResourceType) -> usize {
    const FIRST: &[&str] = &["pods", "persistentvolumeclaims", "persistentvolumes"];
    let rank = FIRST.iter().position(|first| of.plural == *first).filter(|_| of.group.is_empty());
    rank.unwrap_or(FIRST.len())
}

/// Whether two types are two groups' views of the same objects.
fn cohabit(first: &ResourceType, of: &ResourceType) -> bool {
    const GROUPS: &[(&str, [&str; 2])] = &[
        ("deployments", ["apps", "extensions"]),
        ("daemonsets", ["apps", "extensions"]),
        ("replicasets", ["apps", "extensions"]),
        ("networkpolicies", ["networking.k8s.io", "extensions"]),
        ("events", ["", "events.k8s.io"]),
    ];
    let in_groups =
        |groups: &[&str; 2]| groups.contains(&first.group.as_str()) && groups.contains(&of.group.as_str());
    first.plural == of.plural
        && first.group != of.group
        && GROUPS.iter().any(|(plural, groups)| of.plural == *plural && in_groups(groups))
}
