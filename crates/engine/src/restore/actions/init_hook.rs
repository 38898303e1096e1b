//! Pods: init containers that a hook of the restore adds.

use serde_json::Value;

use super::Action;
use crate::hooks::init;
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action { name: "velero.io/init-restore-hook", resources: &["pods"], run };

fn run(document: &mut Value, context: &Context<'_>) {
    let target = context.plan.target(context.item);
    let place = (target.namespace.as_deref().unwrap_or_default(), target.name.as_str());
    init::insert(document, init::planned(&context.plan.init_hooks, place), &context.plan.restore.uid);
}
