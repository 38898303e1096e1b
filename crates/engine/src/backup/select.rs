//! Which types and objects a backup selects, and what to list to find them.

mod namespaces;
mod resources;
#[cfg(test)]
mod tests;

use api::meta::{GroupResource, ObjectKey, ResourceType};
use api::velero::v1::BackupSpec;

use self::namespaces::Namespaces;
use self::resources::Resources;
use super::observed::NamespaceFacts;
use super::problems;
use super::rule::Rule;
use crate::catalog::Catalog;
use crate::facts::{Details, Facts};
use crate::filter::selector::Selector;
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
    types: Vec<ResourceType>,
    left_out: Vec<(GroupResource, Rule)>,
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
        let mut problems = Vec::new();
        let namespaces = Namespaces::new(spec, namespaces, &mut problems);
        let resources = Resources::new(spec, catalog, namespaces.everything(), &mut problems);
        let selectors = selectors(spec, &mut problems);
        let (types, left_out) = types(catalog, &resources);
        (Self { catalog: catalog.clone(), namespaces, resources, selectors, types, left_out }, problems)
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
            let texts: Vec<String> = match &self.selectors {
                None => vec![String::new()],
                Some(selectors) => selectors.iter().map(ToString::to_string).collect(),
            };
            for namespace in self.listed_namespaces(of) {
                lists.extend(texts.iter().map(|text| list(of, namespace, text, false)));
            }
        }
        lists.extend(self.auxiliary_lists());
        lists
    }

    /// Lists that relations are looked up in: who grants to a service account, which pods mount a claim.
    fn auxiliary_lists(&self) -> Vec<ListRequest> {
        let wanted = |group: &str, resource: &str| {
            self.types.iter().any(|of| of.group == group && of.plural == resource)
        };
        let listed_whole = |of: &ResourceType| self.selectors.is_none() && self.types.contains(of);
        let mut lists = Vec::new();
        let mut add = |group: &str, resource: &str, asked_by: &str| {
            let Some(of) = self.catalog.find(&GroupResource::new(group, resource)) else { return };
            if wanted("", asked_by) && !listed_whole(of) && self.resources.admits_related(of).is_ok() {
                let namespaces = self.listed_namespaces(of);
                lists.extend(namespaces.into_iter().map(|namespace| list(of, namespace, "", true)));
            }
        };
        add("rbac.authorization.k8s.io", "clusterrolebindings", "serviceaccounts");
        add("", "pods", "persistentvolumeclaims");
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
        if is_namespaces(resource) {
            return self.selects_namespace(object);
        }
        match &self.selectors {
            Some(selectors) if !selectors.iter().any(|selector| selector.matches(&object.labels)) => {
                Err(Rule::LabelSelector)
            }
            _ => Ok(()),
        }
    }

    /// Whether a Namespace object is selected for itself. Others come with what lies in them.
    fn selects_namespace(&self, object: &Facts) -> Result<(), Rule> {
        let active =
            matches!(object.details.as_deref(), Some(Details::Namespace { phase }) if phase == "Active");
        let labelled = self.selectors.iter().flatten().any(|selector| selector.matches(&object.labels));
        let filtered = self.selectors.is_none() || !self.namespaces.everything();
        match labelled || filtered && self.namespaces.includes(&object.key.name) {
            true if active => Ok(()),
            true => Err(Rule::Terminating),
            false => Err(Rule::EmptyNamespace),
        }
    }

    /// Whether an object that another one brings along may be stored. Label selectors do not apply to those.
    pub fn admits(&self, key: &ObjectKey) -> Result<(), Rule> {
        self.admits_namespace(key)?;
        let of = self.catalog.find(&key.resource).ok_or(Rule::ResourceFilter)?;
        self.resources.admits_related(of)
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

/// The selected types in the order of the archive, and the others with the rule that left each out.
fn types(catalog: &Catalog, resources: &Resources) -> (Vec<ResourceType>, Vec<(GroupResource, Rule)>) {
    let mut types: Vec<ResourceType> = Vec::new();
    let mut left_out = Vec::new();
    let mut ordered: Vec<&ResourceType> = catalog.preferred().collect();
    ordered.sort_by_key(|of| (of.group == "extensions", !of.group.is_empty(), core_rank(of)));
    for of in ordered {
        let rule = match resources.selects(of) {
            _ if !of.supports(VERBS) => Err(Rule::Verbs),
            Ok(()) if types.iter().any(|first| cohabit(first, of)) => Err(Rule::Cohabitation),
            outcome => outcome,
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
