//! In which fields two documents of one object differ: by path, with the old and the new value, for people to read.
//!
//! What the server writes into every object is no difference, and neither are the marks of restores. Elements of lists are
//! told apart by what names them (`containers[name=web]`), so that a new first element does not change all others.
//! Values of Secrets are never part of it.

use std::collections::BTreeSet;

use api::labels;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::document::{object_mut, remove, remove_annotation, remove_label};

/// Fields of one object that are told; the others are counted.
pub const FIELDS_MAX: usize = 100;
/// Characters of a value that are told.
pub const VALUE_CHARS_MAX: usize = 200;

/// Fields of `metadata` that are the server's.
const SERVERS: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];
/// What elements of lists are told apart by, if each has one of its own.
const NAMES: &[&str] = &["name", "key", "mountPath", "containerPort", "port", "ip", "type"];

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Where, such as `spec.replicas`.
    pub path: String,
    /// What became of it.
    pub change: Change,
    /// What it was; absent where it is new, or secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// What it is to be; absent where it goes, or is secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// It has another value.
    Changed,
}

/// The fields in which two documents differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Differences {
    /// The first [`FIELDS_MAX`] of them, by path.
    pub fields: Vec<Difference>,
    /// How many more there are.
    pub omitted: usize,
}

/// A document without what the server writes into it, and without the marks of restores: what two documents are compared
/// by.
#[must_use]
pub fn comparable(mut document: Value) -> Value {
    remove(&mut document, &["status"]);
    for field in SERVERS {
        remove(&mut document, &["metadata", field]);
    }
    for label in [labels::BACKUP_NAME, labels::RESTORE_NAME] {
        remove_label(&mut document, label);
    }
    remove_annotation(&mut document, labels::OPERATION_UID);
    if let Some(root) = object_mut(&mut document, &[]) {
        root.retain(|_, value| !value.is_null());
    }
    document
}

/// In which fields two documents of an object differ. Of a Secret no value is told.
pub fn differences(old: &Value, new: &Value) -> Differences {
    let mut walk = Walk { is_secret: is_secret(old), found: Differences::default() };
    walk.values(&Path::default(), &comparable(old.clone()), &comparable(new.clone()));
    walk.found
}

/// Whether a document is a Secret.
pub fn is_secret(document: &Value) -> bool {
    document["kind"] == "Secret" && document["apiVersion"] == "v1"
}

/// The way from a document to one of its fields.
#[derive(Debug, Clone, Default)]
struct Path(String);

impl Path {
    fn field(&self, key: &str) -> Self {
        let plain =
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        Self(match (plain, self.0.as_str()) {
            (true, "") => key.to_owned(),
            (true, path) => format!("{path}.{key}"),
            (false, path) => format!("{path}[{key:?}]"),
        })
    }

    fn element(&self, index: &str) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Whether the value of a Secret there may be told.
    fn is_open(&self) -> bool {
        ["type", "immutable", "metadata.labels"].iter().any(|open| {
            self.0.strip_prefix(open).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

struct Walk {
    is_secret: bool,
    found: Differences,
}

impl Walk {
    fn values(&mut self, path: &Path, old: &Value, new: &Value) {
        match (old, new) {
            (old, new) if old == new => {}
            (Value::Object(old), Value::Object(new)) => self.objects(path, old, new),
            (Value::Array(old), Value::Array(new)) => self.lists(path, old, new),
            (Value::Null, new) => self.tell(path, Change::Added, None, Some(new)),
            (old, Value::Null) => self.tell(path, Change::Removed, Some(old), None),
            (old, new) => self.tell(path, Change::Changed, Some(old), Some(new)),
        }
    }

    fn objects(&mut self, path: &Path, old: &Map<String, Value>, new: &Map<String, Value>) {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
            self.values(&path.field(key), &of(old), &of(new));
        }
    }

    fn lists(&mut self, path: &Path, old: &[Value], new: &[Value]) {
        let Some(naming) = naming(old, new) else { return self.by_position(path, old, new) };
        let before = self.found.fields.len() + self.found.omitted;
        let find = |list: &[Value], name: &Value| list.iter().find(|one| one[naming] == *name).cloned();
        let added = new.iter().filter(|one| find(old, &one[naming]).is_none());
        for one in old.iter().chain(added) {
            let name = &one[naming];
            let index = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
            let element = path.element(&format!("{naming}={index}"));
            let of = |list: &[Value]| find(list, name).unwrap_or_default();
            self.values(&element, &of(old), &of(new));
        }
        if before == self.found.fields.len() + self.found.omitted {
            let order = |list: &[Value]| list.iter().map(|one| one[naming].clone()).collect::<Value>();
            self.tell(
                &Path(format!("{} (order)", path.0)),
                Change::Changed,
                Some(&order(old)),
                Some(&order(new)),
            );
        }
    }

    fn by_position(&mut self, path: &Path, old: &[Value], new: &[Value]) {
        for position in 0..old.len().max(new.len()) {
            let of = |list: &[Value]| list.get(position).cloned().unwrap_or_default();
            self.values(&path.element(&position.to_string()), &of(old), &of(new));
        }
    }

    fn tell(&mut self, path: &Path, change: Change, old: Option<&Value>, new: Option<&Value>) {
        if self.found.fields.len() >= FIELDS_MAX {
            self.found.omitted += 1;
            return;
        }
        let told = |value: Option<&Value>| match self.is_secret && !path.is_open() {
            true => None,
            false => value.map(shortened),
        };
        let (old, new) = (told(old), told(new));
        self.found.fields.push(Difference { path: path.0.clone(), change, old, new });
    }
}

/// The field by which the elements of both lists are told apart.
fn naming(old: &[Value], new: &[Value]) -> Option<&'static str> {
    let tells = |list: &[Value], field: &str| {
        let names = list.iter().map(|one| one.get(field).filter(|name| name.is_string() || name.is_number()));
        let names: Option<BTreeSet<String>> = names.map(|name| name.map(Value::to_string)).collect();
        names.is_some_and(|names| names.len() == list.len())
    };
    NAMES.iter().find(|field| tells(old, field) && tells(new, field)).copied()
}

/// A value, or its beginning where it is long.
fn shortened(value: &Value) -> Value {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
        short => return short.clone(),
    };
    if text.chars().nth(VALUE_CHARS_MAX).is_none() {
        return value.clone();
    }
    let begin: String = text.chars().take(VALUE_CHARS_MAX).collect();
    Value::String(format!("{begin}... ({} bytes)", text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::tests::documents;
    use proptest::prelude::*;
    use serde_json::json;

    /// What a person reads of the differences.
    fn told(old: Value, new: Value) -> Vec<String> {
        let found = differences(&old, &new);
        assert_eq!(found.omitted, 0);
        let value = |value: &Option<Value>| value.as_ref().map_or("?".to_owned(), Value::to_string);
        let line = |of: &Difference| match of.change {
            Change::Added => format!("+ {}: {}", of.path, value(&of.new)),
            Change::Removed => format!("- {}: {}", of.path, value(&of.old)),
            Change::Changed => format!("~ {}: {} -> {}", of.path, value(&of.old), value(&of.new)),
        };
        found.fields.iter().map(line).collect()
    }

    #[test]
    fn fields_are_told_by_path_and_sorted() {
        assert_eq!(
            told(
                json!({"spec": {"replicas": 1, "paused": true, "same": {"a": 1}}}),
                json!({"spec": {"replicas": 3, "minReadySeconds": 5, "same": {"a": 1}}})
            ),
            ["+ spec.minReadySeconds: 5", "- spec.paused: true", "~ spec.replicas: 1 -> 3"]
        );
        assert_eq!(
            told(
                json!({"metadata": {"annotations": {"a.b/c": "1"}}}),
                json!({"metadata": {"annotations": {"a.b/c": "2"}}})
            ),
            [r#"~ metadata.annotations["a.b/c"]: "1" -> "2""#]
        );
    }

    #[test]
    fn what_the_server_and_restores_write_is_no_difference() {
        let old = json!({"metadata": {"name": "a", "uid": "1", "resourceVersion": "7", "generation": 2, "managedFields": [1],
            "creationTimestamp": "t", "labels": {"velero.io/restore-name": "r"}, "annotations": {"salvor.io/operation-uid": "u"}},
            "status": {"phase": "Bound"}});
        assert_eq!(told(old, json!({"metadata": {"name": "a"}, "status": null})), Vec::<String>::new());
    }

    #[test]
    fn elements_are_told_apart_by_their_names() {
        let container = |name: &str, image: &str| json!({"name": name, "image": image});
        assert_eq!(
            told(
                json!({"containers": [container("web", "1"), container("old", "1")]}),
                json!({"containers": [container("first", "1"), container("web", "2")]})
            ),
            [
                r#"~ containers[name=web].image: "1" -> "2""#,
                r#"- containers[name=old]: {"image":"1","name":"old"}"#,
                r#"+ containers[name=first]: {"image":"1","name":"first"}"#
            ]
        );
        assert_eq!(
            told(
                json!({"containers": [container("a", "1"), container("b", "1")]}),
                json!({"containers": [container("b", "1"), container("a", "1")]})
            ),
            [r#"~ containers (order): ["a","b"] -> ["b","a"]"#]
        );
        assert_eq!(told(json!({"args": ["a", "b"]}), json!({"args": ["a"]})), [r#"- args[1]: "b""#]);
    }

    #[test]
    fn values_of_secrets_are_never_told() {
        let secret = |value: &str| {
            json!({"apiVersion": "v1", "kind": "Secret", "type": format!("t{value}"), "data": {"password": value},
                "stringData": {value: value}, "metadata": {"labels": {"a": value}, "annotations": {"last": value}}})
        };
        let found = differences(&secret("hunter2"), &secret("sesame"));
        let kept: Vec<_> = found
            .fields
            .iter()
            .filter(|of| of.old.is_some() || of.new.is_some())
            .map(|of| of.path.as_str())
            .collect();
        assert_eq!(kept, ["metadata.labels.a", "type"]);
        let paths: Vec<_> = found.fields.iter().map(|of| (of.path.as_str(), of.change)).collect();
        assert!(paths.contains(&("data.password", Change::Changed)), "{paths:?}");
        assert!(paths.contains(&("metadata.annotations.last", Change::Changed)), "{paths:?}");
    }

    #[test]
    fn long_values_are_cut_and_many_fields_are_counted() {
        let long = "ä".repeat(VALUE_CHARS_MAX + 1);
        let found = differences(&json!({}), &json!({"data": {"a": long}}));
        let value = found.fields[0].new.as_ref().unwrap();
        let text = value["a"].as_str().or(value.as_str()).unwrap();
        assert!(text.ends_with(&format!("... ({} bytes)", json!({"a": long}).to_string().len())), "{text}");
        let many: Map<String, Value> =
            (0..FIELDS_MAX + 7).map(|number| (number.to_string(), json!(1))).collect();
        let found = differences(&json!({"data": {}}), &json!({"data": many}));
        assert_eq!((found.fields.len(), found.omitted), (FIELDS_MAX, 7));
    }

    proptest! {
        #[test]
        fn documents_differ_if_there_is_a_difference(old in documents(), new in documents()) {
            let (old, new) = (json!({"spec": old}), json!({"spec": new}));
            prop_assert_eq!(differences(&old, &new).fields.is_empty(), old == new);
            prop_assert!(differences(&old, &old).fields.is_empty());
        }
    }
}
