//! Network policies: namespaces that they select by name follow the mapping.

use serde_json::Value;

use super::Action;
use crate::document::{list_mut, object_mut, text};
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action {
    name: "salvor.io/network-policy-namespaces",
    resources: &["networkpolicies.networking.k8s.io"],
    run,
};

/// The label that every namespace has: its name.
const NAME: &str = "kubernetes.io/metadata.name";

fn run(document: &mut Value, context: &Context<'_>) {
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in list_mut(document, &["spec", rules]).into_iter().flatten() {
            for peer in list_mut(rule, &[peers]).into_iter().flatten() {
                follow(peer, context);
            }
        }
    }
}

fn follow(peer: &mut Value, context: &Context<'_>) {
    if let Some(labels) = object_mut(peer, &["namespaceSelector", "matchLabels"])
        && let Some(target) =
            labels.get(NAME).and_then(Value::as_str).and_then(|name| context.mapping.get(name))
    {
        labels.insert(NAME.to_owned(), Value::from(target.as_str()));
    }
    let expressions = list_mut(peer, &["namespaceSelector", "matchExpressions"]).into_iter().flatten();
    for expression in expressions.filter(|expression| text(expression, &["key"]) == NAME) {
        for name in list_mut(expression, &["values"]).into_iter().flatten() {
            if let Some(target) = name.as_str().and_then(|name| context.mapping.get(name)) {
                *name = Value::from(target.as_str());
            }
        }
    }
}
