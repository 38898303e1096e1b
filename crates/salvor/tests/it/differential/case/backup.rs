//! The parts of a random selection. All that they make is valid.

use serde_json::{Value, json};
use testkit::zoo::Random;

use super::super::ground::NAMESPACES;
use super::Part;
use super::words::{Scope, draw, one, selectors, types, write};

/// The parts of a backup's spec.
pub(super) const PARTS: &[Part] = &[namespaces, resources, selectors, order, volumes];

const PATTERNS: &[&str] = &["diff-*", "diff-[ab]*", "diff-?ats", "*-birds", "diff-*s", "nobody-*"];

fn namespaces(random: &mut Random, spec: &mut Value) {
    let mut names = NAMESPACES.to_vec();
    let included = match random.between(0, 5) {
        0 => vec!["*"],
        1 => Vec::new(),
        2 => vec![one(random, PATTERNS)],
        _ => draw(random, &mut names, 1, 4),
    };
    let excluded = match random.between(0, 4) {
        0 => draw(random, &mut names, 1, 2),
        1 => vec![one(random, &["*-cats", "diff-[bc]*"])],
        _ => Vec::new(),
    };
    write(spec, "includedNamespaces", &included);
    write(spec, "excludedNamespaces", &excluded);
}

/// Filters of the old family, of the new one, or none.
fn resources(random: &mut Random, spec: &mut Value) {
    match random.between(0, 3) {
        0 => {
            let lists = types(random, Scope::Both);
            write(spec, "includedResources", &lists.includes);
            write(spec, "excludedResources", &lists.excludes);
            if !random.once_in(3) {
                spec["includeClusterResources"] = json!(random.once_in(2));
            }
        }
        1 => {
            let lists = types(random, Scope::Namespaced);
            write(spec, "includedNamespaceScopedResources", &lists.includes);
            write(spec, "excludedNamespaceScopedResources", &lists.excludes);
            let lists = types(random, Scope::Beside);
            write(spec, "includedClusterScopedResources", &lists.includes);
            write(spec, "excludedClusterScopedResources", &lists.excludes);
        }
        _ => {}
    }
}

/// An order among the objects of a type.
fn order(random: &mut Random, spec: &mut Value) {
    if random.once_in(3) {
        let namespace = one(random, &NAMESPACES);
        let names = [2, 0, 1].map(|index| format!("{namespace}/leaflet-{index}"));
        spec["orderedResources"] = json!({"configmaps": names.join(",")});
    }
}

/// Whether volumes are asked for that nobody can take a snapshot of.
fn volumes(random: &mut Random, spec: &mut Value) {
    match random.between(0, 6) {
        0 => spec["snapshotVolumes"] = json!(true),
        1 => spec["snapshotVolumes"] = json!(false),
        _ => {}
    }
}
