//! The objects of a bench: many, of kinds that need no node, in ten namespaces, each with a kilobyte of its own.

use std::ops::Range;

use serde_json::{Value, json};

/// How many namespaces they are in.
const NAMESPACES: usize = 10;
/// The kinds, by how many there are of each in a hundred objects.
const MIX: [(&str, usize); 8] = [
    ("ConfigMap", 30),
    ("Secret", 22),
    ("ServiceAccount", 8),
    ("Role", 8),
    ("RoleBinding", 8),
    ("Service", 10),
    ("CronJob", 7),
    ("NetworkPolicy", 7),
];
/// Characters of text in each object, in each of two places where a kind has two.
pub(crate) const TEXT: usize = 1000;

/// The names of the namespaces.
pub(crate) fn namespaces() -> Vec<String> {
    (0..NAMESPACES).map(|number| format!("bench-load-{number}")).collect()
}

/// Their documents.
pub(crate) fn namespace_documents() -> Vec<Value> {
    let document = |name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    namespaces().into_iter().map(document).collect()
}

/// The objects of these numbers, kind by kind, with so much text.
pub(crate) fn documents(numbers: Range<usize>, length: usize) -> Vec<Value> {
    let spaces = namespaces();
    let of = |number: usize| document((kind_of(number), number), &spaces[number % NAMESPACES], length);
    let mut documents: Vec<Value> = numbers.map(of).collect();
    documents.sort_by_key(|document| document["kind"].to_string());
    documents
}

/// The kind of the object with this number: each hundred has the whole mix. Numbers are spread over the namespaces by
/// their last digit, so that the place in the mix goes by the others.
fn kind_of(number: usize) -> &'static str {
    let place = (number / NAMESPACES) % 100;
    let mut end = 0;
    for (kind, share) in MIX {
        end += share;
        if place < end {
            return kind;
        }
    }
    MIX[0].0
}

fn document((kind, number): (&str, usize), namespace: &str, length: usize) -> Value {
    let name = format!("{}-{number:05}", kind.to_lowercase());
    let mut document = body(kind, number, length);
    let version = match kind {
        "Role" | "RoleBinding" => "rbac.authorization.k8s.io/v1",
        "CronJob" => "batch/v1",
        "NetworkPolicy" => "networking.k8s.io/v1",
        _ => "v1",
    };
    document["apiVersion"] = json!(version);
    document["kind"] = json!(kind);
    let labels = json!({"app": format!("app-{}", number % 50), "tier": "bench"});
    document["metadata"] = json!({"name": name, "namespace": namespace, "labels": labels, "annotations": {"example.com/text": text(number, length)}});
    document
}

fn body(kind: &str, number: usize, length: usize) -> Value {
    let reader =
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": format!("role-{number:05}")});
    match kind {
        "ConfigMap" => json!({"data": {"settings": text(number + 1, length), "number": number.to_string()}}),
        "Secret" => json!({"type": "Opaque", "stringData": {"password": text(number + 2, length)}}),
        "Role" => {
            json!({"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]})
        }
        "RoleBinding" => {
            json!({"roleRef": reader, "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "somebody"}]})
        }
        // Without a selector no controller makes endpoints of it.
        "Service" => json!({"spec": {"ports": [{"port": 80}], "clusterIP": "None"}}),
        "CronJob" => {
            let containers = json!([{"name": "main", "image": "example.com/none:1", "args": ["true"]}]);
            let pod = json!({"spec": {"restartPolicy": "Never", "containers": containers}});
            json!({"spec": {"schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": {"spec": {"template": pod}}}})
        }
        "NetworkPolicy" => {
            json!({"spec": {"podSelector": {"matchLabels": {"app": format!("app-{number}")}}, "policyTypes": ["Ingress"]}})
        }
        _ => json!({}),
    }
}

/// Text that compresses as that of people does, and is no other object's.
fn text(number: usize, length: usize) -> String {
    let words = ["harbour", "salvage", "anchor", "tide", "cargo", "pilot", "mast", "hull"];
    let mut text = String::with_capacity(length + 16);
    let mut state = number as u64 ^ 0x9e37_79b9_7f4a_7c15;
    while text.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(words[(state >> 61) as usize]);
        text.push_str(&format!("-{:x} ", (state >> 40) & 0xfff));
    }
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_namespace_has_the_whole_mix() {
        let documents = documents(0..8000, 10);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for document in &documents {
            *counts
                .entry(format!("{} {}", document["metadata"]["namespace"], document["kind"]))
                .or_default() += 1;
        }
        assert_eq!(counts.len(), NAMESPACES * MIX.len());
        assert_eq!(MIX.iter().map(|(_, share)| share).sum::<usize>(), 100);
        assert_eq!(counts.values().sum::<usize>(), 8000);
        assert_eq!(counts["\"bench-load-3\" \"ConfigMap\""], 240);
    }
}
