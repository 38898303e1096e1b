//! Persistent volumes that are restored as they were: they wait for their claim again.

use serde_json::Value;

use super::Action;
use crate::document::{remove, remove_annotation, text};
use crate::restore::transform::Context;

pub(super) const ACTION: Action =
    Action { name: "salvor.io/persistent-volume", resources: &["persistentvolumes"], run };

fn run(document: &mut Value, context: &Context<'_>) {
    for field in ["uid", "resourceVersion"] {
        remove(document, &["spec", "claimRef", field]);
    }
    for annotation in ["pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller"] {
        remove_annotation(document, annotation);
    }
    if let Some(target) = context.mapping.get(text(document, &["spec", "claimRef", "namespace"])) {
        document["spec"]["claimRef"]["namespace"] = Value::from(target.as_str());
    }
}
