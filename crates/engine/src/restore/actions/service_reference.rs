//! Webhooks, conversions of custom resources and API services: the namespace of the service that answers follows the
//! mapping.

use serde_json::Value;

use super::Action;
use crate::document::{list_mut, object_mut};
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action {
    name: "salvor.io/service-references",
    resources: &[
        "apiservices.apiregistration.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
    ],
    run,
};

/// Where the reference is in an API service, and in a definition. Webhooks have one each.
const PLACES: [&[&str]; 2] =
    [&["spec", "service"], &["spec", "conversion", "webhook", "clientConfig", "service"]];

fn run(document: &mut Value, context: &Context<'_>) {
    for place in PLACES {
        follow(document, place, context);
    }
    for webhook in list_mut(document, &["webhooks"]).into_iter().flatten() {
        follow(webhook, &["clientConfig", "service"], context);
    }
}

fn follow(document: &mut Value, place: &[&str], context: &Context<'_>) {
    let Some(service) = object_mut(document, place) else { return };
    let namespace = service.get("namespace").and_then(Value::as_str).unwrap_or_default();
    if let Some(target) = context.mapping.get(namespace) {
        service.insert("namespace".to_owned(), Value::from(target.as_str()));
    }
}
