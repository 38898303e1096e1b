//! Lints over a plan. They hold for every plan that planning makes; a plan that breaks a fatal one is not run.

use std::collections::{BTreeMap, BTreeSet};

use api::meta::{GroupResource, ObjectKey};

use super::owners::Link;
use super::plan::{Gate, RestorePlan};
use super::scope::is_restorable;
use super::volumes::Decision;
use super::{actions, plan};
use crate::backup::check::{Gravity, Note};

/// Types that others name: the first is to be there before the second.
const BEFORE: &[(&str, &str)] = &[
    ("clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"),
    ("clusterroles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"),
    ("roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"),
    ("storageclasses.storage.k8s.io", "persistentvolumeclaims"),
    ("persistentvolumes", "persistentvolumeclaims"),
    ("persistentvolumeclaims", "pods"),
    ("priorityclasses.scheduling.k8s.io", "pods"),
    ("runtimeclasses.node.k8s.io", "pods"),
    ("serviceaccounts", "pods"),
    ("secrets", "pods"),
    ("configmaps", "pods"),
];

/// Lints a plan.
pub fn check(plan: &RestorePlan) -> Vec<Note> {
    let mut notes = shape(plan);
    if notes.is_empty() {
        notes.extend(places(plan));
        notes.extend(types(plan));
        notes.extend(order(plan));
        notes.extend(volumes(plan));
        notes.extend(hooks(plan));
    }
    notes
}

fn note(object: Option<&ObjectKey>, text: impl std::fmt::Display) -> Note {
    let message = object.map_or_else(|| text.to_string(), |object| format!("{object}: {text}"));
    Note { gravity: Gravity::Fatal, message }
}

/// Without this nothing else can be looked at.
fn shape(plan: &RestorePlan) -> Vec<Note> {
    let mut notes = Vec::new();
    if plan.v != plan::VERSION {
        notes.push(note(
            None,
            format!("the plan has version {}, and this program knows {}", plan.v, plan::VERSION),
        ));
    }
    if plan.items().any(|item| item.kind >= plan.kinds.len()) {
        notes.push(note(None, "an item has a type that the plan does not list"));
    }
    let total = plan.items().count();
    let broken = |link: &Link| {
        let beyond = |number: u32| usize::try_from(number).is_ok_and(|number| number >= total);
        link.kind >= plan.kinds.len() || link.item.is_some_and(beyond)
    };
    if plan.items().flat_map(|item| &item.owners).any(broken) {
        notes.push(note(None, "an item has an owner that the plan does not list"));
    }
    notes
}

/// Every place once, and every namespace before what is in it.
fn places(plan: &RestorePlan) -> Vec<Note> {
    let mut notes = Vec::new();
    let (mut taken, mut namespaces) = (BTreeSet::new(), BTreeSet::new());
    for stage in &plan.stages {
        for item in &stage.items {
            let target = plan.target(item);
            if target.namespace.as_ref().is_some_and(|namespace| !namespaces.contains(namespace.as_str())) {
                notes.push(note(Some(&target), "it comes before its namespace"));
            }
            if !taken.insert(target.clone()) {
                notes.push(note(Some(&target), "it is planned twice"));
            }
        }
        for namespace in &stage.namespaces {
            if !namespaces.insert(namespace.name.as_str()) {
                notes.push(note(None, format!("namespace {} is planned twice", namespace.name)));
            }
        }
    }
    notes
}

fn types(plan: &RestorePlan) -> Vec<Note> {
    let mut notes = Vec::new();
    for kind in &plan.kinds {
        if !is_restorable(&kind.source) {
            notes.push(note(None, format!("{} are never restored", kind.source)));
        }
        for name in kind.actions.iter().filter(|name| actions::named(name).is_none()) {
            notes.push(note(None, format!("{} go through {name}, which nobody knows", kind.source)));
        }
    }
    notes
}

/// The first and the last stage of each type.
fn spans(plan: &RestorePlan) -> BTreeMap<&GroupResource, (usize, usize)> {
    let mut spans = BTreeMap::new();
    for (at, stage) in plan.stages.iter().enumerate() {
        for item in &stage.items {
            spans.entry(&plan.kind(item).source).or_insert((at, at)).1 = at;
        }
    }
    spans
}

fn order(plan: &RestorePlan) -> Vec<Note> {
    let spans = spans(plan);
    let span =
        |name: &str| spans.iter().find(|(resource, _)| resource.to_string() == name).map(|(_, span)| *span);
    let mut notes = Vec::new();
    for (first, then) in BEFORE {
        if let (Some((_, end)), Some((start, _))) = (span(first), span(then))
            && end >= start
        {
            // The server's settings may say so.
            let message = format!("{then} come before {first}, which they name");
            notes.push(Note { gravity: Gravity::Advice, message });
        }
    }
    for (at, stage) in plan.stages.iter().enumerate() {
        for item in stage.items.iter().filter(|item| is_definition(&plan.kind(item).source)) {
            let early = span(&item.name).is_some_and(|(start, _)| start <= at);
            if early || stage.gate != Gate::Established {
                notes.push(note(Some(&plan.target(item)), "nothing waits for this definition"));
            }
        }
    }
    notes
}

fn is_definition(resource: &GroupResource) -> bool {
    resource.is("apiextensions.k8s.io", "customresourcedefinitions")
}

/// Hooks are of pods that are restored, pod by pod.
fn hooks(plan: &RestorePlan) -> Vec<Note> {
    let mut items = (0u32..).zip(plan.items());
    let mut notes = Vec::new();
    for of_pod in plan.hooks.chunk_by(|one, other| one.item == other.item) {
        let found = items.find(|(number, _)| *number == of_pod[0].item);
        let target = found.map(|(_, item)| plan.target(item));
        let strange = of_pod.iter().filter(|hook| target.as_ref() != Some(&hook.exec.key()));
        notes.extend(strange.map(|hook| note(Some(&hook.exec.key()), "it has hooks and is not restored")));
    }
    notes
}

fn volumes(plan: &RestorePlan) -> Vec<Note> {
    let of_volumes = plan.items().filter(|item| plan.kind(item).source.is("", "persistentvolumes"));
    let restored: BTreeSet<&str> = of_volumes.map(|item| item.name.as_str()).collect();
    let wrong = |(name, decision): (&String, &Decision)| {
        (restored.contains(name.as_str()) != decision.is_restored()).then(|| {
            let volumes = GroupResource::new("", "persistentvolumes");
            note(Some(&ObjectKey::new(volumes, None, name)), "it is not restored as was decided")
        })
    };
    plan.volumes.iter().filter_map(wrong).collect()
}
