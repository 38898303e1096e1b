//! Namespaces that a restore makes: like in the backup, or bare, under the name that they get.

use api::labels;
use serde_json::{Value, json};

use super::plan::{PlannedNamespace, RestorePlan};
use crate::document::{at, set_annotation, set_label};

/// The document to create a namespace with. `archived` is the backup's document of it, where it has one.
pub fn document(archived: Option<&Value>, namespace: &PlannedNamespace, plan: &RestorePlan) -> Value {
    let mut document = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace.name}});
    if let Some(archived) = archived {
        for field in ["labels", "annotations"] {
            let kept = at(archived, &["metadata", field]);
            if kept.as_object().is_some_and(|kept| !kept.is_empty()) {
                document["metadata"][field] = kept.clone();
            }
        }
        if !archived["spec"].is_null() {
            document["spec"] = archived["spec"].clone();
        }
    }
    if document["metadata"]["labels"].is_object() {
        set_label(&mut document, "kubernetes.io/metadata.name", &namespace.name);
    }
    set_annotation(&mut document, labels::OPERATION_UID, &plan.restore.uid);
    document
}
