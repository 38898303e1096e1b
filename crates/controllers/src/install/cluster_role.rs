//! Roles, generated from the tables of [`super::rbac`].

use serde_json::{Map, Value, json};

use super::rbac::Rule;
use super::{Strings, metadata};

/// A ClusterRole from a table.
pub(super) fn cluster(name: &str, rules: &[Rule]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": metadata(name, "", &Strings::new()),
        "rules": rules.iter().map(rule).collect::<Vec<_>>(),
    })
}

/// A Role of one namespace from a table.
pub(super) fn namespaced(namespace: &str, name: &str, rules: &[Rule]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata(name, namespace, &Strings::new()),
        "rules": rules.iter().map(rule).collect::<Vec<_>>(),
    })
}

fn rule(rule: &Rule) -> Value {
    let Rule { groups, resources, names, verbs, reason: _ } = rule;
    let mut document = Map::from_iter([
        ("apiGroups".to_owned(), json!(groups)),
        ("resources".to_owned(), json!(resources)),
        ("verbs".to_owned(), json!(verbs)),
    ]);
    if !names.is_empty() {
        document.insert("resourceNames".to_owned(), json!(names));
    }
    Value::Object(document)
}
