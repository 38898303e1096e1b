//! The ServiceAccount that the server runs as.

use serde_json::{Value, json};

use super::{SERVER, Strings, metadata};

/// The ServiceAccount, with what a cloud's identity service wants to see on it.
pub fn service_account(namespace: &str, annotations: &Strings, labels: &Strings) -> Value {
    let mut metadata = metadata(SERVER, namespace, labels);
    if !annotations.is_empty() {
        metadata["annotations"] = json!(annotations);
    }
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
}
