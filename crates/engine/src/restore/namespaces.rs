//! Namespaces that a restore makes: like in the backup, or bare, under the name that they get. Those that are there
//! already lose nothing: an update adds what they lack.

use api::labels;
use serde_json::{Map, Value, json};

use super::plan::{PlannedNamespace, Policy, RestorePlan};
use super::problems;
use crate::document::{at, set_annotation, set_label};
use crate::problem::{Problem, Severity};

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

/// What a namespace cannot have been given by hand: it speaks of the object that was applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The merge patch that adds to a namespace which is there the labels and annotations that it had in the backup and lacks.
/// What it has stays, such as the ranges of user ids that its files belong to.
pub fn addition(archived: &Value, live: &Value, plan: &RestorePlan) -> Option<Value> {
    if plan.policy == Policy::None {
        return None;
    }
    let mut metadata = Map::new();
    for field in ["labels", "annotations"] {
        let has = |key: &str| at(live, &["metadata", field]).get(key).is_some();
        let members = at(archived, &["metadata", field]).as_object().into_iter().flatten();
        let lacking: Map<String, Value> = members
            .filter(|(key, _)| !has(key) && *key != LAST_APPLIED && *key != labels::OPERATION_UID)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !lacking.is_empty() {
            metadata.insert(field.to_owned(), Value::Object(lacking));
        }
    }
    (!metadata.is_empty()).then(|| json!({ "metadata": metadata }))
}

/// That the server refused to add to a namespace.
pub fn not_updated(name: &str, reason: &str) -> Problem {
    let message =
        format!("namespace {name} was not given the labels and annotations that it lacks: {reason}");
    Problem::new(&problems::NAMESPACE_NOT_UPDATED, Severity::Warning, message).in_namespace(name)
}
