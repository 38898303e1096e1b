//! The parts of a random restore. All that they make is valid.

use serde_json::{Value, json};
use testkit::zoo::Random;

use super::super::ground::NAMESPACES;
use super::words::{Scope, draw, one, selectors, types, write};
use super::{Part, words_of};

/// The parts of a restore's spec.
pub(super) const PARTS: &[Part] = &[namespaces, resources, selectors, cluster, existing, ports, status];

fn namespaces(random: &mut Random, spec: &mut Value) {
    let mut names = NAMESPACES.to_vec();
    let included = match random.between(0, 4) {
        0 => vec![one(random, &["diff-*", "*-[ac]*", "diff-?????"])],
        1 => draw(random, &mut names, 1, 4),
        _ => Vec::new(),
    };
    let excluded = match random.between(0, 5) {
        0 => draw(random, &mut names, 1, 2),
        1 => vec!["*-birds"],
        _ => Vec::new(),
    };
    write(spec, "includedNamespaces", &included);
    write(spec, "excludedNamespaces", &excluded);
}

fn resources(random: &mut Random, spec: &mut Value) {
    if random.once_in(2) {
        let lists = types(random, Scope::Both);
        write(spec, "includedResources", &lists.includes);
        write(spec, "excludedResources", &lists.excludes);
    }
}

fn cluster(random: &mut Random, spec: &mut Value) {
    match random.between(0, 4) {
        0 => spec["includeClusterResources"] = json!(true),
        1 => spec["includeClusterResources"] = json!(false),
        _ => {}
    }
    if random.once_in(4) {
        spec["restorePVs"] = json!(random.once_in(2));
    }
}

fn existing(random: &mut Random, spec: &mut Value) {
    match random.between(0, 4) {
        0 => spec["existingResourcePolicy"] = json!("none"),
        1 | 2 => spec["existingResourcePolicy"] = json!("update"),
        _ => {}
    }
}

fn ports(random: &mut Random, spec: &mut Value) {
    if random.once_in(2) {
        spec["preserveNodePorts"] = json!(random.once_in(2));
    }
}

fn status(random: &mut Random, spec: &mut Value) {
    match random.between(0, 4) {
        0 => spec["restoreStatus"] = json!({"includedResources": ["gadgets.diff.example.com"]}),
        1 => {
            spec["restoreStatus"] =
                json!({"includedResources": ["gadgets", "pvc"], "excludedResources": ["pvc"]});
        }
        _ => {}
    }
}

/// Keeps a restore of a backup of the whole cluster to our own namespaces.
pub(super) fn stay_on_the_ground(backup: &Value, spec: &mut Value) {
    let included = words_of(backup, "includedNamespaces");
    let whole = included.is_empty() || included == ["*"];
    if whole && words_of(spec, "includedNamespaces").is_empty() {
        spec["includedNamespaces"] = json!(["diff-*"]);
    }
}
