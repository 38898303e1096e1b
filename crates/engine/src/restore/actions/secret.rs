//! Secrets with the token of a service account: the controller fills them again.

use serde_json::Value;

use super::Action;
use crate::document::{remove, remove_annotation, text};
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action { name: "velero.io/secret", resources: &["secrets"], run };

fn run(document: &mut Value, _: &Context<'_>) {
    if text(document, &["type"]) != "kubernetes.io/service-account-token" {
        return;
    }
    remove_annotation(document, "kubernetes.io/service-account.uid");
    for key in ["token", "ca.crt"] {
        remove(document, &["data", key]);
    }
}
