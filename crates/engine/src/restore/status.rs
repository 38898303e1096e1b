//! Bringing back what a server drops on create: status and field ownership.

use serde_json::{Value, json};

use crate::document::list;

/// The document to replace the status of a created object with.
pub fn document(archived: &Value, created: &Value) -> Value {
    let mut document = created.clone();
    if let Some(root) = document.as_object_mut() {
        root.insert("status".to_owned(), archived["status"].clone());
    }
    document
}

/// The merge patch that gives a created object the field owners that it had; `None` where it had none.
pub fn managed_fields(archived: &Value) -> Option<Value> {
    let fields = list(archived, &["metadata", "managedFields"]);
    (!fields.is_empty()).then(|| json!({"metadata": {"managedFields": fields}}))
}
