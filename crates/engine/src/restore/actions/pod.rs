//! Pods: what the scheduler, the admission of priorities and of tokens, and a debugger wrote into them.

use serde_json::Value;

use super::{Action, drop_where};
use crate::document::{list_mut, remove, text};
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action { name: "velero.io/pod", resources: &["pods"], run };

fn run(document: &mut Value, _: &Context<'_>) {
    // The server refuses new pods that have ephemeral containers.
    for field in ["nodeName", "priority", "ephemeralContainers"] {
        remove(document, &["spec", field]);
    }
    let account = match text(document, &["spec", "serviceAccountName"]) {
        "" => "default",
        account => account,
    };
    let prefix = format!("{account}-token-");
    let token = |member: &Value| text(member, &["name"]).starts_with(&prefix);
    drop_where(document, &["spec", "volumes"], token);
    for kind in ["containers", "initContainers"] {
        for container in list_mut(document, &["spec", kind]).into_iter().flatten() {
            drop_where(container, &["volumeMounts"], token);
        }
    }
}
