//! What filters are made of: words for types and namespaces, and selectors.

use serde_json::{Value, json};
use testkit::zoo::Random;

use super::super::ground::{TEAMS, TIERS};

/// Words for types in namespaces, as users write them.
const NAMESPACED: &[&str] = &[
    "configmaps",
    "cm",
    "secrets",
    "serviceaccounts",
    "sa",
    "pods",
    "po",
    "persistentvolumeclaims",
    "pvc",
    "services",
    "svc",
    "endpoints",
    "deployments.apps",
    "deploy",
    "statefulsets",
    "replicasets.apps",
    "daemonsets",
    "jobs.batch",
    "cronjobs",
    "roles.rbac.authorization.k8s.io",
    "rolebindings",
    "ingresses.networking.k8s.io",
    "networkpolicies",
    "gadgets.diff.example.com",
    "gadgets",
    "limitranges",
    "quota",
    "leases.coordination.k8s.io",
    "hpa",
    "pdb",
];

/// Words for types of no namespace.
const BESIDE: &[&str] = &[
    "persistentvolumes",
    "pv",
    "storageclasses.storage.k8s.io",
    "sc",
    "priorityclasses.scheduling.k8s.io",
    "ingressclasses",
    "runtimeclasses.node.k8s.io",
    "clusterroles",
    "clusterrolebindings.rbac.authorization.k8s.io",
    "planets.diff.example.com",
    "customresourcedefinitions",
    "namespaces",
];

/// Patterns, and words that name nothing here.
const ODD: &[&str] = &["*.diff.example.com", "*.batch", "nothings.example.com", "c*", "*s.apps"];

/// Lists of includes and excludes that share no word.
pub(super) struct Lists {
    pub(super) includes: Vec<&'static str>,
    pub(super) excludes: Vec<&'static str>,
}

/// Which words a list is made of.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    Namespaced,
    Beside,
    Both,
}

/// Lists of types: often one of the two is empty.
pub(super) fn types(random: &mut Random, scope: Scope) -> Lists {
    let mut words: Vec<&'static str> = match scope {
        Scope::Namespaced => NAMESPACED.to_vec(),
        Scope::Beside => BESIDE.to_vec(),
        Scope::Both => [NAMESPACED, BESIDE].concat(),
    };
    if random.once_in(3) {
        words.extend(ODD);
    }
    let most = if matches!(scope, Scope::Beside) { 4 } else { 12 };
    let mut includes = if random.once_in(2) { draw(random, &mut words, 1, most) } else { Vec::new() };
    let excludes = if random.once_in(2) { draw(random, &mut words, 1, 5) } else { Vec::new() };
    if includes.is_empty() && random.once_in(4) {
        includes = vec!["*"];
    }
    Lists { includes, excludes }
}

/// Some words of many, which are taken out of them.
pub(super) fn draw(
    random: &mut Random,
    words: &mut Vec<&'static str>,
    low: u64,
    high: u64,
) -> Vec<&'static str> {
    let count = random.between(low, high);
    let mut drawn = Vec::new();
    for _ in 0..count {
        let Some(last) = words.len().checked_sub(1) else { break };
        let at = usize::try_from(random.between(0, last as u64 + 1)).unwrap();
        drawn.push(words.swap_remove(at));
    }
    drawn
}

/// One word of some.
pub(super) fn one(random: &mut Random, words: &[&'static str]) -> &'static str {
    words[usize::try_from(random.between(0, words.len() as u64)).unwrap()]
}

/// Writes a list, unless it is empty.
pub(super) fn write(spec: &mut Value, field: &str, words: &[&str]) {
    if !words.is_empty() {
        spec[field] = json!(words);
    }
}

/// Writes a label selector, or some of which one must match, or none.
pub(super) fn selectors(random: &mut Random, spec: &mut Value) {
    match random.between(0, 5) {
        0 => spec["labelSelector"] = selector(random),
        1 => spec["orLabelSelectors"] = json!([selector(random), selector(random)]),
        _ => {}
    }
}

fn selector(random: &mut Random) -> Value {
    let (team, tier) = (one(random, &TEAMS), one(random, &TIERS));
    match random.between(0, 6) {
        0 => json!({"matchLabels": {"team": team}}),
        1 => json!({"matchLabels": {"tier": tier}}),
        2 => json!({"matchLabels": {"tier": tier, "team": team}}),
        3 => json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": [tier, "none"]}]}),
        4 => json!({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}),
        _ => {
            json!({"matchLabels": {"team": team}, "matchExpressions": [{"key": "tier", "operator": "Exists"}]})
        }
    }
}
