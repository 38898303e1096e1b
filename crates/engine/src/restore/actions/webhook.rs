//! Webhooks: side effects that the current API version does not accept any more become `None`.

use serde_json::Value;

use super::Action;
use crate::document::{list_mut, text};
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action {
    name: "velero.io/admission-webhook-configuration",
    resources: &[
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
    ],
    run,
};

fn run(document: &mut Value, _: &Context<'_>) {
    if text(document, &["apiVersion"]) != "admissionregistration.k8s.io/v1" {
        return;
    }
    for webhook in list_mut(document, &["webhooks"]).into_iter().flatten() {
        if !matches!(text(webhook, &["sideEffects"]), "None" | "NoneOnDryRun") && webhook.is_object() {
            webhook["sideEffects"] = Value::from("None");
        }
    }
}
