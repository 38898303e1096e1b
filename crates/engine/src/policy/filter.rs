//! Filters of namespaces and of cluster-scoped kinds: what `namespacedFilterPolicies` and `clusterScopedFilterPolicy` say.
//!
//! They refine the filters of a Backup or Restore: what those leave out stays out. Of a namespace that one of them is
//! about, only the kinds that it lists are selected; of cluster-scoped kinds, those that it does not list are selected as
//! without it. A namespace's own name goes before patterns, and the first pattern before the others.

use std::collections::HashMap;
use std::fmt;

use api::meta::{GroupResource, ObjectKey, ResourceType};

use super::document::{Document, ResourceFilter};
use crate::catalog::Catalog;
use crate::filter::glob::{Glob, is_pattern};
use crate::filter::selector::{Labelled, Selector};
use crate::filter::set::{Set, check_namespaces};

/// Filters as they are written, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    namespaced: Vec<Namespaced>,
    cluster: Vec<Kinds>,
}

/// The filters of some namespaces.
#[derive(Debug, Clone, PartialEq)]
struct Namespaced {
    namespaces: Vec<String>,
    kinds: Vec<Kinds>,
}

/// What is selected of some kinds.
#[derive(Debug, Clone, PartialEq)]
struct Kinds {
    /// Empty for all that no other filter lists.
    kinds: Vec<String>,
    test: Test,
}

/// What is selected of a kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// One of them must match; without any, all objects do.
    selectors: Vec<Selector>,
    names: Set,
}

/// Filters whose kinds are those of a cluster or an archive.
#[derive(Debug, Clone, Default)]
pub struct Bound {
    exact: HashMap<String, usize>,
    patterns: Vec<(Glob, usize)>,
    namespaced: Vec<Tests>,
    cluster: Tests,
}

/// Tests by type.
#[derive(Debug, Clone, Default)]
struct Tests {
    of_type: HashMap<GroupResource, Test>,
    /// Words that name no type yet: it may come with a restore.
    unknown: HashMap<String, Test>,
    others: Option<Test>,
}

/// What filters say about one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: the filters of the Backup or Restore are asked.
    Unconcerned,
    /// It is selected, whatever label selectors the Backup or Restore has.
    Selected,
    /// It is not.
    Refused,
}

/// What filters say about all objects of a type in one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Concern<'a> {
    /// Nothing.
    None,
    /// These are selected.
    Test(&'a Test),
    /// None is selected.
    Unlisted,
}

/// What a filter says in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It lists a kind that is not known.
    UnknownKind(String),
    /// It lists a kind of the other scope.
    WrongScope {
        /// The kind, as it is written.
        kind: String,
        /// The section that it belongs into.
        section: &'static str,
    },
    /// It lists a kind that is left out anyway.
    LeftOut(String),
}

const NAMESPACED: &str = "namespacedFilterPolicies";
const CLUSTER: &str = "clusterScopedFilterPolicy";

impl Filter {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.namespaced.is_empty() && self.cluster.is_empty()
    }

    /// The filters of a document, and what is wrong with them.
    pub(super) fn of(document: &Document, errors: &mut Vec<String>) -> Self {
        let mut filter = Self::default();
        if let Some(cluster) = &document.cluster_scoped_filter_policy {
            filter.cluster = kinds(CLUSTER, &cluster.resource_filters, false, errors);
        }
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (index, written) in document.namespaced_filter_policies.iter().enumerate() {
            let at = format!("{NAMESPACED}[{index}]");
            if written.namespaces.is_empty() {
                errors.push(format!("{at}: at least one namespace must be named"));
            }
            let empty = written.namespaces.iter().filter(|name| name.is_empty());
            errors.extend(empty.map(|_| format!("{at}.namespaces: an entry is empty")));
            errors.extend(
                check_namespaces(&written.namespaces, &[])
                    .iter()
                    .map(|error| format!("{at}.namespaces: {error}")),
            );
            for name in &written.namespaces {
                if let Some(first) = seen.insert(name, index) {
                    errors.push(format!("{at}.namespaces: {name:?} is in {NAMESPACED}[{first}] already"));
                }
            }
            let kinds = kinds(&at, &written.resource_filters, true, errors);
            filter.namespaced.push(Namespaced { namespaces: written.namespaces.clone(), kinds });
        }
        filter
    }

    /// The same for the types of a cluster or an archive.
    pub fn bind(&self, catalog: &Catalog) -> Bound {
        let mut bound = Bound { cluster: Tests::bound(&self.cluster, catalog), ..Bound::default() };
        for (index, policy) in self.namespaced.iter().enumerate() {
            bound.namespaced.push(Tests::bound(&policy.kinds, catalog));
            for name in &policy.namespaces {
                match Glob::new(name) {
                    Ok(pattern) if is_pattern(name) => bound.patterns.push((pattern, index)),
                    _ => drop(bound.exact.insert(name.clone(), index)),
                }
            }
        }
        bound
    }

    /// What it says in vain, where `left_out` says which types the other filters leave out.
    pub fn notes(&self, catalog: &Catalog, left_out: impl Fn(&ResourceType) -> bool) -> Vec<Note> {
        let namespaced = self.namespaced.iter().flat_map(|policy| &policy.kinds).map(|kinds| (kinds, true));
        let all = namespaced.chain(self.cluster.iter().map(|kinds| (kinds, false)));
        let words =
            all.flat_map(|(kinds, namespaced)| kinds.kinds.iter().map(move |word| (word, namespaced)));
        let mut notes: Vec<Note> = Vec::new();
        for (word, namespaced) in words {
            let note = match catalog.resolve(word) {
                None => Note::UnknownKind(word.clone()),
                Some(of) if of.namespaced != namespaced => Note::WrongScope {
                    kind: word.clone(),
                    section: if namespaced { CLUSTER } else { NAMESPACED },
                },
                Some(of) if left_out(of) => Note::LeftOut(word.clone()),
                Some(_) => continue,
            };
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        notes
    }

    /// The types that it lists by name.
    pub fn listed<'a>(&'a self, catalog: &'a Catalog) -> impl Iterator<Item = &'a ResourceType> {
        let namespaced = self.namespaced.iter().flat_map(|policy| &policy.kinds);
        namespaced
            .chain(&self.cluster)
            .flat_map(|kinds| &kinds.kinds)
            .filter_map(|word| catalog.resolve(word))
    }
}

impl Bound {
    /// What is said about an object. Its namespace is the one of the backup, wherever it is restored to.
    pub fn judge(&self, key: &ObjectKey, kind: &str, labels: &impl Labelled) -> Verdict {
        match self.concern(key.namespace.as_deref(), &key.resource, kind) {
            Concern::None => Verdict::Unconcerned,
            Concern::Test(test) if test.selects(labels) && test.names.matches(&key.name) => Verdict::Selected,
            Concern::Test(_) | Concern::Unlisted => Verdict::Refused,
        }
    }

    /// Whether an object that another one brings along may come: only names are looked at, and those of listed kinds.
    pub fn admits(&self, key: &ObjectKey, kind: &str) -> bool {
        match self.concern(key.namespace.as_deref(), &key.resource, kind) {
            Concern::Test(test) => test.names.matches(&key.name),
            Concern::None | Concern::Unlisted => true,
        }
    }

    /// What is said about the objects of a type in a namespace, or in the cluster.
    pub fn concern(&self, namespace: Option<&str>, resource: &GroupResource, kind: &str) -> Concern<'_> {
        match namespace {
            None => self.cluster.of(resource, kind).map_or(Concern::None, Concern::Test),
            Some(namespace) => self.of_namespace(namespace).map_or(Concern::None, |tests| {
                tests.of(resource, kind).or(tests.others.as_ref()).map_or(Concern::Unlisted, Concern::Test)
            }),
        }
    }

    /// Whether anything is said about objects of a type, wherever they are.
    pub fn concerns(&self, of: &ResourceType) -> bool {
        match of.namespaced {
            true => !self.namespaced.is_empty(),
            false => self.cluster.of(&of.group_resource(), &of.kind).is_some(),
        }
    }

    fn of_namespace(&self, namespace: &str) -> Option<&Tests> {
        let pattern =
            || self.patterns.iter().find(|(pattern, _)| pattern.matches(namespace)).map(|(_, index)| index);
        self.exact.get(namespace).or_else(pattern).map(|index| &self.namespaced[*index])
    }
}

impl Test {
    /// The label selectors to list with; empty for all objects.
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    fn selects(&self, labels: &impl Labelled) -> bool {
        self.selectors.is_empty() || self.selectors.iter().any(|selector| selector.matches(labels))
    }
}

impl Tests {
    fn bound(kinds: &[Kinds], catalog: &Catalog) -> Self {
        let mut tests = Self::default();
        for Kinds { kinds, test } in kinds {
            if kinds.is_empty() {
                tests.others = Some(test.clone());
            }
            for word in kinds {
                match catalog.resolve(word) {
                    Some(of) => {
                        tests.of_type.entry(of.group_resource()).or_insert_with(|| test.clone());
                    }
                    None => drop(tests.unknown.insert(word.to_lowercase(), test.clone())),
                }
            }
        }
        tests
    }

    fn of(&self, resource: &GroupResource, kind: &str) -> Option<&Test> {
        let unknown = || {
            if self.unknown.is_empty() {
                return None;
            }
            let words = [kind.to_lowercase(), resource.resource.clone(), resource.to_string()];
            words.iter().find_map(|word| self.unknown.get(word))
        };
        self.of_type.get(resource).or_else(unknown)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKind(kind) => {
                write!(f, "the cluster has no kind {kind}, which a filter policy lists")
            }
            Self::WrongScope { kind, section } => {
                write!(f, "a filter policy lists {kind} where it never matches: it belongs into {section}")
            }
            Self::LeftOut(kind) => {
                write!(f, "a filter policy lists {kind}, which the other filters leave out everywhere")
            }
        }
    }
}

/// The filters of one policy, checked.
fn kinds(at: &str, written: &[ResourceFilter], catch_all: bool, errors: &mut Vec<String>) -> Vec<Kinds> {
    if written.is_empty() {
        errors.push(format!("{at}: resourceFilters must have at least one entry"));
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut others = 0;
    let mut checked = Vec::new();
    for (index, filter) in written.iter().enumerate() {
        let place = format!("{at}.resourceFilters[{index}]");
        let all = filter.kinds.is_empty() || filter.kinds == ["*"];
        others += usize::from(all);
        errors.extend(wrong(filter, all, catch_all).into_iter().map(|error| format!("{place}: {error}")));
        for kind in filter.kinds.iter().filter(|_| !all) {
            if let Some(first) = seen.insert(kind.to_lowercase(), index) {
                errors.push(format!("{place}: kind {kind:?} is in resourceFilters[{first}] already"));
            }
        }
        match test(filter) {
            Ok(test) => {
                checked.push(Kinds { kinds: if all { Vec::new() } else { filter.kinds.clone() }, test });
            }
            Err(error) => errors.push(format!("{place}: {error}")),
        }
    }
    if catch_all && others > 1 {
        errors.push(format!("{at}: only one of its resourceFilters can be for all other kinds"));
    }
    checked
}

/// What contradicts itself in a filter; `all` says that it is for all kinds that no other lists.
fn wrong(filter: &ResourceFilter, all: bool, catch_all: bool) -> Vec<&'static str> {
    let named = !filter.names.is_empty() || !filter.excluded_names.is_empty();
    let star = !all && filter.kinds.iter().any(|kind| kind == "*");
    let both = !filter.label_selector.is_empty() && !filter.or_label_selectors.is_empty();
    [
        (all && !catch_all, "its kinds must be named: what is not listed is selected as without the policy"),
        (all && catch_all && named, "names and excludedNames need kinds beside them"),
        (star, "'*' must be the only kind"),
        (both, "labelSelector and orLabelSelectors cannot be used together"),
    ]
    .into_iter()
    .filter_map(|(wrong, what)| wrong.then_some(what))
    .collect()
}

fn test(filter: &ResourceFilter) -> Result<Test, String> {
    let written = std::iter::once(&filter.label_selector).chain(&filter.or_label_selectors);
    let written = written.filter(|selector| !selector.is_empty());
    let selectors: Result<Vec<_>, _> = written.map(|labels| Selector::of(&labels.to_selector())).collect();
    let selectors = selectors.map_err(|error| error.to_string())?;
    for pattern in filter.names.iter().chain(&filter.excluded_names) {
        Glob::new(pattern).map_err(|error| error.to_string())?;
    }
    Ok(Test { selectors, names: Set::new(&filter.names, &filter.excluded_names) })
}
