//! What a plan says about itself: in the log of its backup, and in the annotation that `describe` reads.

use std::collections::BTreeMap;

use api::meta::GroupResource;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::plan::{BackupPlan, LeftOut, Listed, PlannedItem};
use super::rule::Rule;
use super::volumes::{Method, VolumeDecision};
use crate::log::{Level, Line};

/// What a rule left out of a backup since the cluster makes it again by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omission {
    /// Of which type.
    pub resource: GroupResource,
    /// By which rule.
    pub rule: Rule,
    /// How many objects; absent where none were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<usize>,
}

/// What a backup has not, though it was selected, since the cluster makes it again by itself.
pub fn omissions(plan: &BackupPlan) -> Vec<Omission> {
    let types = plan.types_left_out.iter().filter(|(_, rule)| rule.derived());
    let types = types.map(|(of, rule)| Omission { resource: of.clone(), rule: *rule, objects: None });
    let mut counts: BTreeMap<(&GroupResource, Rule), usize> = BTreeMap::new();
    for LeftOut { key, rule } in plan.left_out.iter().filter(|of| of.rule.derived()) {
        *counts.entry((&key.resource, *rule)).or_default() += 1;
    }
    let objects = counts.into_iter().map(|((of, rule), count)| Omission {
        resource: of.clone(),
        rule,
        objects: Some(count),
    });
    types.chain(objects).collect()
}

/// The lines of a plan, before anything is done.
pub(super) fn log(plan: &BackupPlan, now: Timestamp) -> Vec<Line> {
    let lists = plan.listed.iter().map(|list| of_list(list, now));
    let stored = Line::new(now, Level::Info, format!("The backup holds {} objects", plan.items.len()));
    let types = plan.types_left_out.iter().map(|(resource, rule)| {
        let level = if rule.derived() { Level::Info } else { Level::Debug };
        Line::new(now, level, format!("Left out the type: {rule}")).with("resource", resource.to_string())
    });
    let objects = plan.left_out.iter().map(|LeftOut { key, rule }| {
        Line::new(now, Level::Info, format!("Left out: {rule}"))
            .with("resource", key.resource.to_string())
            .with("namespace", key.namespace.clone().unwrap_or_default())
            .with("name", &key.name)
    });
    let volumes = plan.volumes.iter().map(|decision| of_volume(decision, now));
    let summary = Line::new(now, Level::Info, format!("Summary for skipped PVs: {}", skipped(&plan.volumes)));
    let problems = plan.problems.iter().map(|problem| Line::of(problem, now));
    let lines = lists.chain([stored]).chain(types).chain(objects).chain(volumes);
    let backup = format!("{}/{}", plan.namespace, plan.name);
    lines.chain([summary]).chain(problems).map(|line| line.with("backup", &backup)).collect()
}

/// The line of an item that is in the archive.
pub fn stored(plan: &BackupPlan, item: &PlannedItem, now: Timestamp) -> Line {
    let resource = plan.class(item).map(|class| class.resource.to_string()).unwrap_or_default();
    Line::new(now, Level::Info, "Backed up item")
        .with("resource", resource)
        .with("namespace", item.namespace.clone().unwrap_or_default())
        .with("name", &item.name)
        .with("backup", format!("{}/{}", plan.namespace, plan.name))
}

fn of_list(list: &Listed, now: Timestamp) -> Line {
    Line::new(now, Level::Info, format!("Listed {} objects at version {}", list.objects, list.version))
        .with("resource", list.resource.to_string())
        .with("namespace", list.namespace.clone().unwrap_or_default())
}

fn of_volume(decision: &VolumeDecision, now: Timestamp) -> Line {
    let key = decision.object();
    let message = format!("Decided about a volume: {} ({})", decision.method.words(), decision.reason);
    let line = Line::new(now, Level::Info, message)
        .with("resource", key.resource.to_string())
        .with("namespace", key.namespace.unwrap_or_default())
        .with("name", key.name);
    let volume = decision.volume.as_ref().map(|volume| &volume.name);
    match volume.or(decision.pod.as_ref().map(|(_, volume)| volume)) {
        Some(volume) => line.with("volume", volume),
        None => line,
    }
}

/// The persistent volumes whose data is not in the backup since a rule or nobody wants it, in Velero's form.
fn skipped(volumes: &[VolumeDecision]) -> Value {
    let without = volumes
        .iter()
        .filter(|of| matches!(of.method, Method::Skipped | Method::ObjectOnly | Method::Custom));
    let mut all: Vec<(&str, Value)> = without
        .filter_map(|of| {
            let name = of.volume.as_ref()?.name.as_str();
            let reason = json!({"approach": of.approach(), "reason": of.reason});
            Some((name, json!({"name": name, "reasons": [reason]})))
        })
        .collect();
    all.sort_by_key(|(name, _)| *name);
    all.into_iter().map(|(_, entry)| entry).collect()
}
