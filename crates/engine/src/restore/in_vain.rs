//! What the filters of a restore say in vain. One that is misspelt would otherwise restore less than was asked for, or more,
//! and nobody would know.

use std::collections::BTreeSet;

use api::velero::v1::RestoreSpec;

use super::planner::Request;
use super::problems;
use super::scope::{NOT_RESTORABLE, Scope};
use crate::catalog::Catalog;
use crate::filter::glob::is_pattern;
use crate::problem::{Code, Problem, Severity};

/// Warnings of names that nothing has: `known` are the types of the cluster and of the archive, `namespaces` those that the
/// archive has, or has objects of.
pub(super) fn in_vain(
    request: &Request,
    scope: &Scope,
    known: &Catalog,
    namespaces: &BTreeSet<&str>,
) -> Vec<Problem> {
    let policy = scope.in_vain(&request.policy, known);
    let policy = policy.iter().map(|note| warning(&problems::FILTER_POLICY, note.to_string()));
    let types = types(&request.spec, known).into_iter().chain(places(&request.spec, namespaces));
    policy.chain(types.map(|message| warning(&problems::FILTER_IN_VAIN, message))).collect()
}

fn warning(code: &Code, message: String) -> Problem {
    Problem::new(code, Severity::Warning, message)
}

/// Words for types that nobody knows.
fn types(spec: &RestoreSpec, known: &Catalog) -> Vec<String> {
    let status = spec.restore_status.as_ref();
    let lists = [
        ("includedResources", Some(&spec.included_resources)),
        ("excludedResources", Some(&spec.excluded_resources)),
        ("restoreStatus.includedResources", status.map(|of| &of.included_resources)),
        ("restoreStatus.excludedResources", status.map(|of| &of.excluded_resources)),
    ];
    let words =
        lists.into_iter().flat_map(|(list, words)| words.into_iter().flatten().map(move |word| (list, word)));
    // Those that are never restored are excluded by ourselves.
    let unknown = words.filter(|(_, word)| {
        !is_pattern(word) && !NOT_RESTORABLE.contains(&word.as_str()) && known.resolve(word).is_none()
    });
    unknown
        .map(|(list, word)| {
            format!("{list} names {word}, which is a type of neither the cluster nor the backup")
        })
        .collect()
}

/// Namespaces that the backup does not have.
fn places(spec: &RestoreSpec, namespaces: &BTreeSet<&str>) -> Vec<String> {
    let included = spec.included_namespaces.iter().map(|name| ("includedNamespaces", name));
    let named = included.chain(spec.namespace_mapping.keys().map(|name| ("namespaceMapping", name)));
    let missing = named
        .filter(|(_, name)| !name.is_empty() && !is_pattern(name) && !namespaces.contains(name.as_str()));
    missing.map(|(list, name)| format!("{list} names {name}, of which the backup has nothing")).collect()
}
