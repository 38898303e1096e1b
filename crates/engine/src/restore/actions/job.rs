//! Jobs: the labels with the UID of the job that was, which a new job gets anew.

use serde_json::Value;

use super::Action;
use crate::document::remove;
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action { name: "velero.io/job", resources: &["jobs.batch"], run };

fn run(document: &mut Value, _: &Context<'_>) {
    for label in ["batch.kubernetes.io/controller-uid", "controller-uid"] {
        remove(document, &["spec", "selector", "matchLabels", label]);
        remove(document, &["spec", "template", "metadata", "labels", label]);
    }
}
