//! The files of a restore that follow from its plan and its journal.

use std::collections::HashSet;

use api::meta::ObjectKey;

use super::plan::RestorePlan;
use super::problems::is_of_volume_that_is_there;
use crate::files::ResourceList;
use crate::journal::{Action, Progress};
use crate::problem::Problem;

/// The list of what became of each object: `shop/web(created)`.
pub fn resource_list(plan: &RestorePlan, progress: &Progress) -> ResourceList {
    let mut list = ResourceList::default();
    for (name, action) in progress.namespaces_done() {
        if let Some(action) = action {
            list.add("v1/Namespace", line(name, action));
        }
    }
    for (number, item) in (0..).zip(plan.items()) {
        let Some(outcome) = progress.items.get(&number) else { continue };
        let mut target = plan.target(item);
        if let Some(name) = &outcome.name {
            target.name.clone_from(name);
        }
        list.add(&plan.resource(item).kind_key(), line(&target.full_name(), outcome.action));
    }
    for left in &plan.left_out {
        let Some(action) = left.rule.outcome() else { continue };
        let namespace = left.namespace.as_deref().map(|namespace| plan.mapped(namespace));
        for name in &left.names {
            let key = ObjectKey::new(left.resource.clone(), namespace, name);
            list.add(&left.kind, line(&key.full_name(), action));
        }
    }
    list
}

/// Every problem of a restore: those of its plan, then those of its items. A claim that was there has the volume that it
/// had: nothing of it is lost.
pub fn problems(plan: &RestorePlan, progress: &Progress) -> Vec<Problem> {
    let was_there = |number: u32| {
        let outcome = progress.items.get(&number);
        outcome.is_some_and(|outcome| matches!(outcome.action, Action::Skipped | Action::Updated))
    };
    let items = (0..).zip(plan.items()).filter(|(number, _)| was_there(*number));
    let there: HashSet<ObjectKey> = items
        .filter(|(_, item)| plan.kind(item).source.is("", "persistentvolumeclaims"))
        .map(|(_, item)| plan.target(item))
        .collect();
    let planned = plan.problems.iter().filter(|problem| !is_of_volume_that_is_there(problem, &there));
    planned.chain(progress.problems()).cloned().collect()
}

fn line(name: &str, action: Action) -> String {
    format!("{name}({})", action.word())
}
