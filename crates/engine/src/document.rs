//! Lenses over JSON documents. Documents are read and changed in place, so that fields nobody here knows survive.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The value at `path`, or `Null`.
pub fn at<'a>(document: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(document, |value, step| &value[*step])
}

/// The text at `path`; empty where there is none.
pub fn text<'a>(document: &'a Value, path: &[&str]) -> &'a str {
    at(document, path).as_str().unwrap_or_default()
}

/// The list at `path`; empty where there is none.
pub fn list<'a>(document: &'a Value, path: &[&str]) -> &'a [Value] {
    at(document, path).as_array().map_or(&[], Vec::as_slice)
}

/// The object at `path`, to change it; `None` where there is none.
pub fn object_mut<'a>(document: &'a mut Value, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    path.iter().try_fold(document, |value, step| value.get_mut(step))?.as_object_mut()
}

/// The list at `path`, to change it; `None` where there is none.
pub fn list_mut<'a>(document: &'a mut Value, path: &[&str]) -> Option<&'a mut Vec<Value>> {
    path.iter().try_fold(document, |value, step| value.get_mut(step))?.as_array_mut()
}

/// Removes the value at `path`, if it is there.
pub fn remove(document: &mut Value, path: &[&str]) {
    if let Some((last, parents)) = path.split_last()
        && let Some(parent) = object_mut(document, parents)
    {
        parent.remove(*last);
    }
}

/// `metadata.name`.
pub fn name(document: &Value) -> &str {
    text(document, &["metadata", "name"])
}

/// `metadata.namespace`; `None` for cluster-scoped objects.
pub fn namespace(document: &Value) -> Option<&str> {
    Some(text(document, &["metadata", "namespace"])).filter(|namespace| !namespace.is_empty())
}

/// `metadata.uid`.
pub fn uid(document: &Value) -> &str {
    text(document, &["metadata", "uid"])
}

/// `metadata.labels`.
pub fn labels(document: &Value) -> BTreeMap<String, String> {
    strings(at(document, &["metadata", "labels"]))
}

/// Whether an object is being deleted.
pub fn is_leaving(document: &Value) -> bool {
    !document["metadata"]["deletionTimestamp"].is_null()
}

/// A label's value; `None` where the object does not carry it.
pub fn label<'a>(document: &'a Value, key: &str) -> Option<&'a str> {
    document["metadata"]["labels"].get(key)?.as_str()
}

/// An annotation's value; `None` where the object does not carry it.
pub fn annotation<'a>(document: &'a Value, key: &str) -> Option<&'a str> {
    document["metadata"]["annotations"].get(key)?.as_str()
}

/// Sets `metadata.labels[key]`.
pub fn set_label(document: &mut Value, key: &str, value: &str) {
    set_in(document, "labels", key, value);
}

/// Sets `metadata.annotations[key]`.
pub fn set_annotation(document: &mut Value, key: &str, value: &str) {
    set_in(document, "annotations", key, value);
}

/// Removes a label, and the map of labels with the last of them.
pub fn remove_label(document: &mut Value, key: &str) {
    remove_in(document, "labels", key);
}

/// Removes an annotation, and the map of annotations with the last of them.
pub fn remove_annotation(document: &mut Value, key: &str) {
    remove_in(document, "annotations", key);
}

/// The string members of an object.
pub fn strings(map: &Value) -> BTreeMap<String, String> {
    let members = map.as_object().into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn set_in(document: &mut Value, map: &str, key: &str, value: &str) {
    let Some(root) = document.as_object_mut() else { return };
    let Some(metadata) = root.entry("metadata").or_insert_with(|| Value::Object(Map::new())).as_object_mut()
    else {
        return;
    };
    let entry = metadata.entry(map).or_insert(Value::Null);
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    if let Some(entry) = entry.as_object_mut() {
        entry.insert(key.to_owned(), Value::String(value.to_owned()));
    }
}

fn remove_in(document: &mut Value, map: &str, key: &str) {
    let Some(entries) = object_mut(document, &["metadata", map]) else { return };
    entries.remove(key);
    if entries.is_empty() {
        remove(document, &["metadata", map]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn maps_come_and_go_with_their_members() {
        let mut document = json!({"metadata": {"name": "a", "labels": null}});
        set_label(&mut document, "x", "1");
        set_annotation(&mut document, "y", "2");
        assert_eq!(label(&document, "x"), Some("1"));
        remove_label(&mut document, "x");
        remove_annotation(&mut document, "y");
        assert_eq!(document, json!({"metadata": {"name": "a"}}));
    }

    #[test]
    fn absent_paths_read_as_nothing() {
        let document = json!({"spec": {"containers": [{"name": "a"}]}});
        assert_eq!(list(&document, &["spec", "containers"]).len(), 1);
        assert!(list(&document, &["spec", "volumes"]).is_empty());
        assert_eq!(text(&document, &["spec", "containers", "name"]), "");
        assert_eq!(namespace(&document), None);
    }
}
