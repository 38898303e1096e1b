//! Role bindings: the namespaces of their subjects follow the mapping.

use serde_json::Value;

use super::Action;
use crate::document::{list_mut, text};
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action {
    name: "velero.io/role-bindings",
    resources: &["clusterrolebindings.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"],
    run,
};

fn run(document: &mut Value, context: &Context<'_>) {
    for subject in list_mut(document, &["subjects"]).into_iter().flatten() {
        if let Some(target) = context.mapping.get(text(subject, &["namespace"])) {
            subject["namespace"] = Value::from(target.as_str());
        }
    }
}
