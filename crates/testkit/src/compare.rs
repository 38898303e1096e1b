//! Comparing objects before and after, with every difference that is allowed and why.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::objects::items;

/// A difference that a restore may make.
#[derive(Debug)]
pub struct Allowed {
    /// The kind it is allowed of; `*` for all.
    pub kind: &'static str,
    /// The path that may differ, with all below it; `*` stands for any one element.
    pub path: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// A difference that is allowed of a kind, at a path, for a reason.
pub const fn allowed(kind: &'static str, path: &'static str, reason: &'static str) -> Allowed {
    Allowed { kind, path, reason }
}

/// What may differ between an object and itself restored.
pub const ALLOWED: &[Allowed] = &[
    allowed("*", "/metadata/uid", "the server gives every object its own"),
    allowed("*", "/metadata/resourceVersion", "the server counts"),
    allowed("*", "/metadata/creationTimestamp", "the object is new"),
    allowed("*", "/metadata/generation", "the server counts"),
    allowed("*", "/metadata/generateName", "the object has its name; Velero drops it, too"),
    allowed("*", "/metadata/managedFields", "the server drops what a create brings"),
    allowed("*", "/metadata/ownerReferences", "owners have new uids; controllers adopt again"),
    allowed("*", "/metadata/labels/velero.io~1backup-name", "a restore says where an object came from"),
    allowed("*", "/metadata/labels/velero.io~1restore-name", "a restore says where an object came from"),
    allowed("*", "/metadata/annotations/salvor.io~1operation-uid", "a restore says which one made an object"),
    allowed("*", "/metadata/labels/salvor.io~1operation-uid", "a restore says which one made an object"),
    allowed("*", "/status", "controllers tell it anew"),
    allowed("*", "/metadata/annotations/deployment.kubernetes.io~1revision", "the controller counts"),
    allowed("Namespace", "/metadata/annotations", "the backup notes a namespace's ids for security contexts"),
    allowed("Service", "/spec/clusterIP", "the server gives a free address"),
    allowed("Service", "/spec/clusterIPs", "the server gives a free address"),
    allowed("Service", "/spec/ports/*/nodePort", "the server gives a free port, unless it was asked for"),
    allowed("Service", "/spec/healthCheckNodePort", "the server gives a free port"),
    allowed("Pod", "/spec/nodeName", "the scheduler decides"),
    allowed("Pod", "/spec/volumes", "the token's volume has another name"),
    allowed("Pod", "/spec/containers/*/volumeMounts", "the token's volume has another name"),
    allowed("Pod", "/spec/initContainers/*/volumeMounts", "the token's volume has another name"),
    allowed("Pod", "/spec/priority", "admission computes it"),
    allowed("Pod", "/spec/tolerations", "admission adds them"),
    allowed("Job", "/spec/selector", "the controller makes it out of the uid"),
    allowed("Job", "/spec/template/metadata/labels", "the controller makes them out of the uid"),
    allowed("Job", "/metadata/labels", "the controller makes them out of the uid"),
    allowed("PersistentVolumeClaim", "/spec/volumeName", "a claim is bound anew"),
    allowed("PersistentVolumeClaim", "/metadata/annotations", "the binder tells what it did"),
    allowed("PersistentVolume", "/spec/claimRef", "a volume is bound anew"),
    allowed("Endpoints", "/subsets", "pods have new addresses"),
    allowed("Endpoints", "/metadata/annotations", "the controller tells when pods changed"),
    allowed("EndpointSlice", "/endpoints", "pods have new addresses"),
    allowed("EndpointSlice", "/metadata/annotations", "the controller tells when pods changed"),
    allowed("Secret", "/data/token", "a token belongs to the new service account"),
    allowed(
        "Secret",
        "/metadata/annotations/kubernetes.io~1service-account.uid",
        "the service account is new",
    ),
];

/// Objects that controllers make anew under a random name: one that has gone and one that came are no difference.
const REMADE: &[&str] = &["EndpointSlice", "Event", "Pod", "CSIStorageCapacity"];

/// What a comparison found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Objects that were there before and are not any more.
    pub missing: Vec<String>,
    /// Objects that were not there before.
    pub added: Vec<String>,
    /// Objects that are there but differ, with the paths.
    pub changed: BTreeMap<String, Vec<String>>,
    /// How many objects are as they were.
    pub same: usize,
}

impl Differences {
    /// Whether nothing differs that may not.
    pub fn none(&self) -> bool {
        self.missing.is_empty() && self.added.is_empty() && self.changed.is_empty()
    }
}

/// Compares objects by name.
pub fn compare(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Differences {
    let mut found = Differences::default();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).filter(|name| !is_event(name)).collect();
    for name in names {
        match (before.get(name), after.get(name)) {
            (Some(old), Some(new)) => match paths(old, new) {
                paths if paths.is_empty() => found.same += 1,
                paths => drop(found.changed.insert(name.clone(), paths)),
            },
            (Some(old), None) if !remade(old) => found.missing.push(name.clone()),
            (None, Some(new)) if !remade(new) => found.added.push(name.clone()),
            _ => {}
        }
    }
    found
}

/// Whether this is the name of an Event: what was told of an object is no part of it.
pub fn is_event(name: &str) -> bool {
    name.starts_with("Event ") || name.starts_with("Event.")
}

/// Whether a controller owns the object and names it at random.
fn remade(object: &Value) -> bool {
    let kind = object["kind"].as_str().unwrap_or_default();
    REMADE.contains(&kind) && object["metadata"]["generateName"].is_string()
}

/// The paths at which two documents differ, without those that are allowed.
pub fn paths(old: &Value, new: &Value) -> Vec<String> {
    paths_but(old, new, ALLOWED)
}

/// The paths at which two documents differ, without those that these rules allow.
pub fn paths_but(old: &Value, new: &Value, allowed: &[Allowed]) -> Vec<String> {
    let mut all = Vec::new();
    walk(old, new, String::new(), &mut all);
    let kind = old["kind"].as_str().unwrap_or_default();
    all.retain(|path| {
        !allowed.iter().any(|rule| (rule.kind == "*" || rule.kind == kind) && covers(rule.path, path))
    });
    all
}

fn walk(old: &Value, new: &Value, path: String, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let below = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                walk(&old[name], &new[name], below, found);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (old, new)) in items(old).iter().zip(items(new)).enumerate() {
                walk(old, new, format!("{path}/{index}"), found);
            }
        }
        // An empty map and none are one thing to the server.
        (old, new) if is_empty(old) && is_empty(new) => {}
        // One that came or went as a whole: its parts may be allowed one by one.
        (Value::Object(parts), Value::Null) | (Value::Null, Value::Object(parts)) => {
            for name in parts.keys() {
                found.push(format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")));
            }
        }
        (old, new) if old == new => {}
        _ => found.push(path),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Whether a rule's path is that path, or above it.
fn covers(rule: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    rule.split('/').all(|wanted| parts.next().is_some_and(|part| wanted == "*" || wanted == part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_not_allowed_is_told() {
        let old = json!({"kind": "Service", "metadata": {"uid": "1", "labels": {"a": "b"}},
                         "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30001}]}});
        let mut new = json!({"kind": "Service", "metadata": {"uid": "2", "labels": {"a": "b", "velero.io/restore-name": "r"}},
                             "spec": {"clusterIP": "10.0.0.2", "ports": [{"port": 80, "nodePort": 30002}]}});
        assert_eq!(paths(&old, &new), Vec::<String>::new());
        new["spec"]["ports"][0]["port"] = json!(81);
        new["metadata"]["labels"]["a"] = json!("c");
        assert_eq!(paths(&old, &new), ["/metadata/labels/a", "/spec/ports/0/port"]);
    }

    #[test]
    fn labels_that_came_as_a_whole_are_judged_one_by_one() {
        let old = json!({"kind": "ConfigMap", "metadata": {"name": "x"}});
        let new = json!({"kind": "ConfigMap", "metadata": {"name": "x", "labels": {"velero.io/backup-name": "b", "z": "1"}}});
        assert_eq!(paths(&old, &new), ["/metadata/labels/z"]);
    }

    #[test]
    fn missing_added_and_changed_are_told_apart() {
        let object = |name: &str, data: i32| {
            (
                format!("ConfigMap {name}"),
                json!({"kind": "ConfigMap", "metadata": {"name": name}, "data": {"n": data}}),
            )
        };
        let before = BTreeMap::from([object("gone", 1), object("same", 1), object("other", 1)]);
        let after = BTreeMap::from([object("new", 1), object("same", 1), object("other", 2)]);
        let found = compare(&before, &after);
        assert_eq!(
            (found.missing, found.added),
            (vec!["ConfigMap gone".to_owned()], vec!["ConfigMap new".to_owned()])
        );
        assert_eq!(
            found.changed,
            BTreeMap::from([("ConfigMap other".to_owned(), vec!["/data/n".to_owned()])])
        );
        assert_eq!(found.same, 1);
    }
}
