//! Which namespaces a backup selects.

use std::collections::BTreeMap;

use api::velero::v1::BackupSpec;

use super::problems;
use crate::backup::observed::NamespaceFacts;
use crate::filter::glob::is_pattern;
use crate::filter::set::Set;
use crate::problem::{Problem, Severity};

const ARGO_CD: &str = "argocd.argoproj.io/managed-by";

/// The namespaces that a backup selects.
#[derive(Debug, Clone)]
pub(super) struct Namespaces {
    set: Set,
    everything: bool,
    unrestricted: bool,
    existing: BTreeMap<String, bool>,
}

impl Namespaces {
    pub(super) fn new(spec: &BackupSpec, existing: &[NamespaceFacts], problems: &mut Vec<Problem>) -> Self {
        let written = Set::new(&spec.included_namespaces, &spec.excluded_namespaces);
        let set = written.expanded(existing.iter().map(|of| of.name.as_str()));
        let included: BTreeMap<_, _> =
            existing.iter().map(|of| (of.name.clone(), set.matches(&of.name))).collect();
        let all = Set::new(&spec.included_namespaces, &by_hand(spec, existing));
        let namespaces = Self {
            everything: all.everything(),
            unrestricted: written.matches("*"),
            set,
            existing: included,
        };
        problems.extend(namespaces.problems(spec, existing));
        namespaces
    }

    /// Whether the user restricted nothing.
    pub(super) fn everything(&self) -> bool {
        self.everything
    }

    /// Whether all are included but for those that are named.
    pub(super) fn unrestricted(&self) -> bool {
        self.unrestricted
    }

    pub(super) fn includes(&self, namespace: &str) -> bool {
        self.existing.get(namespace).copied().unwrap_or_else(|| self.set.matches(namespace))
    }

    /// Those that exist.
    pub(super) fn included(&self) -> impl Iterator<Item = &str> {
        self.existing.iter().filter(|(_, included)| **included).map(|(name, _)| name.as_str())
    }

    /// How many there are in the cluster.
    pub(super) fn count(&self) -> usize {
        self.existing.len()
    }

    fn problems(&self, spec: &BackupSpec, existing: &[NamespaceFacts]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for name in spec.included_namespaces.iter().filter(|name| *name != "*" && !name.is_empty()) {
            if !is_pattern(name) && !self.existing.contains_key(name) {
                let message = format!("namespace {name} is included and does not exist");
                let problem = Problem::new(&problems::NAMESPACE_NOT_FOUND, Severity::Error, message);
                problems.push(problem.in_namespace(name));
            }
        }
        if self.set.is_nothing() {
            let written = spec.included_namespaces.join(", ");
            let message =
                format!("no namespace matches the included {written}: nothing in namespaces is backed up");
            problems.push(Problem::new(&problems::NO_NAMESPACE, Severity::Warning, message));
        }
        for of in existing.iter().filter(|of| of.labels.contains_key(ARGO_CD) && self.includes(&of.name)) {
            let message = format!("namespace {} is managed by Argo CD (label {ARGO_CD})", of.name);
            problems
                .push(Problem::new(&problems::ARGO_CD, Severity::Warning, message).in_namespace(&of.name));
        }
        problems
    }
}

/// The excluded namespaces without those that a label of their own keeps out: preparing a backup writes them
/// into the spec, and they do not turn a backup of everything into one of parts.
fn by_hand(spec: &BackupSpec, existing: &[NamespaceFacts]) -> Vec<String> {
    let labelled = |name: &&String| existing.iter().any(|of| of.name == **name && of.excluded());
    spec.excluded_namespaces.iter().filter(|name| !labelled(name)).cloned().collect()
}
