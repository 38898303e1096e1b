//! Services: addresses and ports that the cluster picked, as opposed to those that somebody asked for.

use serde_json::Value;

use super::Action;
use crate::document::{annotation, at, list, list_mut, object_mut, remove, text};
use crate::restore::transform::Context;

pub(super) const ACTION: Action = Action { name: "velero.io/service", resources: &["services"], run };

fn run(document: &mut Value, context: &Context<'_>) {
    if text(document, &["spec", "clusterIP"]) != "None" {
        remove(document, &["spec", "clusterIP"]);
        remove(document, &["spec", "clusterIPs"]);
    }
    if context.plan.keep_node_ports {
        return;
    }
    if text(document, &["spec", "type"]) != "ExternalName" {
        release_node_ports(document);
    }
    release_health_port(document);
}

/// Removes node ports that nobody asked for: `last-applied` says who did, and without it the field owners.
fn release_node_ports(document: &mut Value) {
    let applied = last_applied(document);
    let fields = list(document, &["metadata", "managedFields"]).to_vec();
    for port in list_mut(document, &["spec", "ports"]).into_iter().flatten() {
        let asked = match &applied {
            Some(applied) => {
                list(applied, &["spec", "ports"]).iter().any(|one| same(one, port) && has_node_port(one))
            }
            None => fields.iter().any(|entry| owns_node_port(entry, port)),
        };
        if !asked && let Some(port) = object_mut(port, &[]) {
            port.remove("nodePort");
        }
    }
}

fn release_health_port(document: &mut Value) {
    let local = text(document, &["spec", "type"]) == "LoadBalancer"
        && text(document, &["spec", "externalTrafficPolicy"]) == "Local";
    if !local {
        return;
    }
    let applied = last_applied(document);
    let asked = applied.is_some_and(|applied| positive(at(&applied, &["spec", "healthCheckNodePort"])));
    let owner = |entry: &Value| !at(entry, &["fieldsV1", "f:spec", "f:healthCheckNodePort"]).is_null();
    if !asked && !list(document, &["metadata", "managedFields"]).iter().any(owner) {
        remove(document, &["spec", "healthCheckNodePort"]);
    }
}

fn last_applied(document: &Value) -> Option<Value> {
    let text = annotation(document, "kubectl.kubernetes.io/last-applied-configuration")?;
    serde_json::from_str(text).ok()
}

/// Whether two entries mean one port: by name, and by number where they have none.
fn same(one: &Value, other: &Value) -> bool {
    match (text(one, &["name"]), text(other, &["name"])) {
        ("", "") => number(&one["port"]).is_some() && number(&one["port"]) == number(&other["port"]),
        (one, other) => one == other,
    }
}

fn has_node_port(port: &Value) -> bool {
    positive(&port["nodePort"])
}

fn owns_node_port(entry: &Value, port: &Value) -> bool {
    let owned = at(entry, &["fieldsV1", "f:spec", "f:ports"]).as_object();
    let protocol = match text(port, &["protocol"]) {
        "" => "TCP",
        protocol => protocol,
    };
    let is_this = |key: &str| {
        let key = key.strip_prefix("k:").and_then(|key| serde_json::from_str::<Value>(key).ok());
        key.is_some_and(|key| key["port"] == port["port"] && text(&key, &["protocol"]) == protocol)
    };
    owned.into_iter().flatten().any(|(key, fields)| is_this(key) && fields.get("f:nodePort").is_some())
}

fn positive(value: &Value) -> bool {
    number(value).is_some_and(|number| number > 0)
}

/// A number, also one in quotes.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
