//! Objects at the limits of what an API server takes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testkit::zoo::Random;

use super::server::{GROUP, Server};

/// How long a name may be.
const NAME_MAX: usize = 253;
/// How long the name of a namespace, a service or the value of a label may be.
const LABEL_MAX: usize = 63;
/// The size of a big object: a server takes 1.5 MiB, and a config map 1 MiB.
const BIG: usize = (1 << 20) - 4096;
/// The size of big annotations: a server takes 256 KiB of them.
const NOTES: usize = 250 << 10;
/// What keeps an object from going.
pub(super) const FINALIZER: &str = "kinds.example.com/keeper";

/// A namespace whose name is as long as one may be.
pub(super) fn long_namespace() -> String {
    padded("kinds-", LABEL_MAX)
}

fn padded(name: &str, length: usize) -> String {
    format!("{name}{}", "x".repeat(length - name.len()))
}

/// Definitions: of animals with a status that only a sub-resource writes and fields that no schema knows, and of lodgings in
/// two versions that the server converts.
pub(super) fn definitions(server: &Server) -> Vec<Value> {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let mut animal = open.clone();
    animal["properties"] = json!({"spec": open, "status": open});
    let version = |name: &str, storage: bool, schema: &Value| json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema}});
    let fields = |names: &[&str]| {
        let properties: serde_json::Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
        json!({"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}})
    };
    let mut animals = definition("Guest", &[version("v1", true, &animal)]);
    animals["spec"]["versions"][0]["subresources"] = json!({"status": {}});
    let old = version("v1", true, &fields(&["place"]));
    let new = version("v2", false, &fields(&["house", "room"]));
    let mut lodgings = definition("Lodging", &[old, new]);
    lodgings["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {
        "conversionReviewVersions": ["v1"], "clientConfig": server.client_config("convert"),
    }});
    vec![animals, lodgings]
}

fn definition(kind: &str, versions: &[Value]) -> Value {
    let singular = kind.to_lowercase();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{singular}s.{GROUP}")},
        "spec": {
            "group": GROUP, "scope": "Namespaced", "versions": versions,
            "names": {"kind": kind, "plural": format!("{singular}s"), "singular": singular, "listKind": format!("{kind}List")},
        },
    })
}

/// The objects, but for owners.
pub(super) fn objects(seed: u64, namespace: &str) -> Vec<Value> {
    let mut objects = built_in(seed, namespace);
    objects.extend(guests(namespace));
    objects
}

fn object(version: &str, kind: &str, within: &str, name: &str, body: Value) -> Value {
    let mut document = body;
    document["apiVersion"] = json!(version);
    document["kind"] = json!(kind);
    document["metadata"]["namespace"] = json!(within);
    document["metadata"]["name"] = json!(name);
    document
}

/// Of kinds that every cluster has: large ones, and names at their limits.
fn built_in(seed: u64, namespace: &str) -> Vec<Value> {
    let mut random = Random::new(seed);
    let long = long_namespace();
    let noise = BASE64_STANDARD.encode(random.bytes(BIG as u64 * 3 / 4 - 64));
    let labels = json!({
        format!("{}/{}", padded("long.", 200), padded("label", LABEL_MAX)): "y".repeat(LABEL_MAX),
    });
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    let (name, label) = (padded("long-", NAME_MAX), padded("long-", LABEL_MAX));
    let notes = json!({"metadata": {"annotations": {"example.com/n": "n".repeat(NOTES)}}});
    let inside = json!({"data": {"in": "a long namespace"}});
    let role = "rbac.authorization.k8s.io/v1";
    vec![
        object("v1", "ConfigMap", namespace, "big", json!({"data": {"text": "z".repeat(BIG)}})),
        object("v1", "ConfigMap", namespace, "noise", json!({"binaryData": {"noise": noise}})),
        object("v1", "Secret", namespace, "big", json!({"stringData": {"text": "s".repeat(BIG)}})),
        object("v1", "ConfigMap", namespace, "notes", notes),
        object("v1", "ConfigMap", namespace, &name, json!({"metadata": {"labels": labels}})),
        object("v1", "ConfigMap", &long, &name, inside),
        object("v1", "Secret", &long, &padded("long.", NAME_MAX), json!({})),
        object("v1", "Service", &long, &label, json!({"spec": {"ports": [{"port": 80}]}})),
        object(role, "Role", namespace, "Odd:name@of (a) role", json!({"rules": rules})),
    ]
}

/// Of kinds that the zoo defines.
fn guests(namespace: &str) -> Vec<Value> {
    let long = long_namespace();
    let guests = format!("{GROUP}/v1");
    let guest = |within: &str, name: &str, body: Value| object(&guests, "Guest", within, name, body);
    let unknown = json!({"deep": {"er": [null, true, 1.5, -9_007_199_254_740_993_i64, {"": "empty key"}, "\u{1F412} <&>"]},
                         "dotted.key/with~signs": {}, "list": []});
    let held = json!({"metadata": {"finalizers": [FINALIZER]}, "spec": {}});
    let new = json!({"spec": {"house": "east", "room": "9"}});
    vec![
        guest(namespace, "big", json!({"spec": {"text": "g".repeat(BIG + (200 << 10))}})),
        guest(&long, &padded("long-", NAME_MAX), json!({"spec": {"text": "long"}})),
        guest(namespace, "held", held),
        guest(namespace, "unknown", json!({"spec": unknown, "extra": {"of": "nobody"}})),
        guest(namespace, "fed", json!({"spec": {"text": "hungry"}})),
        object(&guests, "Lodging", namespace, "old", json!({"spec": {"place": "west/7"}})),
        object(&format!("{GROUP}/v2"), "Lodging", namespace, "new", new),
    ]
}

/// The kinds of a chain of owners, the first of whom owns the second, who owns the third.
pub(super) fn chain(namespace: &str) -> Vec<Value> {
    let object = |version: &str, kind: &str, name: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
    vec![
        object(&format!("{GROUP}/v1"), "Guest", "first"),
        object("v1", "ConfigMap", "second"),
        object("v1", "Secret", "third"),
    ]
}
