//! Random resource modifiers. All of them are valid, and not all of their patches fit every object.

use serde_json::{Value, json};
use testkit::zoo::Random;

use super::super::ground::NAMESPACES;
use super::words::{draw, one};

/// Types that every kind of patch is for.
const BUILT_IN: &[&str] = &[
    "configmaps",
    "secrets",
    "services",
    "deployments.apps",
    "*.apps",
    "jobs.batch",
    "cronjobs.batch",
    "pods",
];
/// Types that strategic patches are not for in Velero, and patterns with such among them.
const ANY: &[&str] =
    &["gadgets.diff.example.com", "**", "ingresses.networking.k8s.io", "*", "roles.rbac.*.*.*"];

/// Writes the modifiers of a restore.
pub(super) fn modifier(random: &mut Random) -> Option<Value> {
    if !random.once_in(2) {
        return None;
    }
    let rules: Vec<Value> = (0..random.between(1, 4)).map(|_| rule(random)).collect();
    Some(json!({"version": "v1", "resourceModifierRules": rules}))
}

fn rule(random: &mut Random) -> Value {
    let built_in = random.once_in(2);
    let types = if built_in { BUILT_IN } else { ANY };
    let types = one(random, types);
    let mut rule = json!({"conditions": conditions(random, types)});
    match random.between(0, 3) {
        0 if built_in => rule["strategicPatches"] = json!([{"patchData": strategic(random)}]),
        0 | 1 => rule["mergePatches"] = json!([{"patchData": merge(random)}]),
        _ => rule["patches"] = patches(random),
    }
    rule
}

fn conditions(random: &mut Random, types: &str) -> Value {
    let mut conditions = json!({"groupResource": types});
    if random.once_in(3) {
        conditions["namespaces"] = json!(draw(random, &mut NAMESPACES.to_vec(), 1, 3));
    }
    if random.once_in(4) {
        conditions["namespaces"] = json!([one(random, &["diff-[ab]*", "*-den"])]);
    }
    if random.once_in(3) {
        conditions["resourceNameRegex"] =
            json!(one(random, &["-[01]$", "^(show|leaflet)", "e", "^nothing$"]));
    }
    if random.once_in(3) {
        conditions["labelSelector"] = json!({"matchLabels": {"team": one(random, &["red", "blue"])}});
    }
    if random.once_in(4) {
        let matches =
            [("/metadata/labels/tier", "front"), ("/spec/word", "word-1"), ("/data/word", "word-0")];
        let at = usize::try_from(random.between(0, matches.len() as u64)).unwrap();
        conditions["matches"] = json!([{"path": matches[at].0, "value": matches[at].1}]);
    }
    conditions
}

/// Operations on a document, one after the other.
fn patches(random: &mut Random) -> Value {
    let operations: Vec<Value> = (0..random.between(1, 4)).map(|_| operation(random)).collect();
    json!(operations)
}

fn operation(random: &mut Random) -> Value {
    let of = |operation: &str, path: &str, value: &str| json!({"operation": operation, "path": path, "value": value});
    match random.between(0, 8) {
        0 => of("add", "/metadata/labels/patched", "yes"),
        1 => of("replace", "/metadata/labels/tier", "patched"),
        2 => json!({"operation": "remove", "path": "/metadata/labels/team"}),
        3 => of("test", "/metadata/labels/team", "red"),
        4 => json!({"operation": "copy", "from": "/metadata/labels/diff", "path": "/metadata/labels/copied"}),
        5 => json!({"operation": "move", "from": "/metadata/labels/tier", "path": "/metadata/labels/moved"}),
        6 => of("add", "/metadata/labels/number", "\"12\""),
        _ => of("add", "/metadata/annotations", "{\"example.com/patched\": \"yes\"}"),
    }
}

/// The text of a merge patch, in one of the two languages that it may be written in.
fn merge(random: &mut Random) -> String {
    one(
        random,
        &[
            r#"{"metadata": {"labels": {"merged": "yes", "tier": null}}}"#,
            "metadata:\n  annotations:\n    example.com/merged: 'yes'\n",
            r#"{"metadata": {"labels": {"team": "merged"}}}"#,
        ],
    )
    .to_owned()
}

/// The text of a strategic patch.
fn strategic(random: &mut Random) -> String {
    one(
        random,
        &[
            r#"{"metadata": {"labels": {"strategic": "yes"}}}"#,
            "metadata:\n  labels:\n    tier: null\n    team: strategic\n",
        ],
    )
    .to_owned()
}
