//! The hooks of a plan: commands by what pods are like when they are created, since a modifier may give them other labels and
//! annotations, and init containers by what they were like in the backup, since those are put in before any modifier.

use std::collections::BTreeMap;

use api::meta::ObjectKey;
use serde_json::Value;

use super::plan::{PlannedItem, RestorePlan};
use super::planner::Request;
use super::transform::transform;
use crate::facts::Facts;
use crate::hooks::init;
use crate::hooks::restore::Asked;

/// Whether an item is a pod of which [`modified`] may differ from what the backup has.
pub fn is_modified(item: &PlannedItem, plan: &RestorePlan) -> bool {
    plan.adjustments.modifiers.is_some() && plan.kind(item).source.is("", "pods")
}

/// The facts of an item as it is created, if it can be.
pub fn modified(archived: Value, item: &PlannedItem, plan: &RestorePlan) -> Option<Facts> {
    let created = transform(archived, item, plan).ok()?.document;
    Some(Facts { key: plan.source(item), ..Facts::of(&created, plan.resource(item), item.at) })
}

/// Adds the hooks of the pods that are restored, in the order of their items. `facts` are those of the archive, `modified`
/// those of pods that a modifier changes.
pub fn add_hooks(plan: &mut RestorePlan, request: &Request, facts: &[Facts], modified: &[Facts]) {
    let archived = by_key(facts);
    let modified = by_key(modified);
    let asked = Asked::new(&request.spec.hooks, request.spec.item_operation_timeout);
    let (mut commands, mut containers, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for (number, item) in (0u32..).zip(plan.items()) {
        let source = plan.source(item);
        let Some(archived) = archived.get(&source).copied() else { continue };
        let target = plan.target(item);
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let created = modified.get(&source).copied().unwrap_or(archived);
        let (hooks, wrong) = asked.hooks(number, created, namespace);
        commands.extend(hooks);
        problems.extend(wrong);
        let added = asked.init_containers(archived, namespace);
        init::add(&mut containers, added, (namespace, &target.name));
    }
    plan.hooks = commands;
    plan.init_hooks = containers;
    plan.problems.extend(problems);
}

fn by_key(facts: &[Facts]) -> BTreeMap<&ObjectKey, &Facts> {
    let pods = facts.iter().filter(|of| of.key.resource.is("", "pods"));
    pods.map(|of| (&of.key, of)).collect()
}
