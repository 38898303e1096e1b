//! Pods that an earlier restore made: the init containers that waited for its volumes.

use serde_json::Value;

use super::{Action, drop_where};
use crate::document::{list, remove, text};
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action { name: "velero.io/pod-volume-restore", resources: &["pods"], run };

fn run(document: &mut Value, _: &Context<'_>) {
    let before = list(document, &["spec", "initContainers"]).len();
    let waits = |container: &Value| matches!(text(container, &["name"]), "restore-wait" | "restic-wait");
    drop_where(document, &["spec", "initContainers"], waits);
    if before > 0 && list(document, &["spec", "initContainers"]).is_empty() {
        remove(document, &["spec", "initContainers"]);
    }
}
