//! Definitions of custom resources: `preserveUnknownFields`, which `v1` refuses, moves into the schemas.

use serde_json::Value;

use super::Action;
use crate::document::{at, list_mut, object_mut, text};
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action {
    name: "velero.io/crd-preserve-fields",
    resources: &["customresourcedefinitions.apiextensions.k8s.io"],
    run,
};

fn run(document: &mut Value, _: &Context<'_>) {
    let preserves = at(document, &["spec", "preserveUnknownFields"]).as_bool() == Some(true);
    if !preserves || text(document, &["apiVersion"]) != "apiextensions.k8s.io/v1" {
        return;
    }
    document["spec"]["preserveUnknownFields"] = Value::from(false);
    for version in list_mut(document, &["spec", "versions"]).into_iter().flatten() {
        if let Some(schema) = object_mut(version, &["schema", "openAPIV3Schema"]) {
            schema.insert("x-kubernetes-preserve-unknown-fields".to_owned(), Value::from(true));
        }
    }
}
