//! From the JSON schemas that schemars derives to the structural schemas that the API server takes.

use serde_json::{Map, Value};

/// What a derived schema says that has no place in a structural one. Defaults go too: they say what reading
/// makes of an absent field, and the API server would store them; a real one is given as `x-default`.
const DROPPED: [&str; 3] = ["$schema", "title", "default"];

/// Turns a derived schema, and all schemas in it, into structural ones.
pub(super) fn clean(schema: &mut Value) {
    let Value::Object(keys) = schema else { return };
    unwrap_option(keys);
    for key in DROPPED {
        keys.remove(key);
    }
    if let Some(default) = keys.remove("x-default") {
        keys.insert("default".into(), default);
    }
    if keys.get("format").is_some_and(|format| format == "int") {
        keys.remove("format"); // what Go calls int has no format
    }
    if keys.get("required").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        keys.remove("required");
    }
    for holder in ["items", "additionalProperties"] {
        if let Some(schema) = keys.get_mut(holder) {
            clean(schema);
        }
    }
    if let Some(Value::Object(properties)) = keys.get_mut("properties") {
        properties.values_mut().for_each(clean);
    }
}

/// An `Option` is a field that may be absent; whether `null` may be stored is for `nullable` to say.
fn unwrap_option(keys: &mut Map<String, Value>) {
    if keys.get("x-kubernetes-int-or-string").is_some() {
        return; // both choices are meant
    }
    if let Some(Value::Array(choices)) = keys.remove("anyOf")
        && let Some(Value::Object(choice)) = choices.into_iter().find(|choice| choice["type"] != "null")
    {
        for (key, value) in choice {
            keys.entry(key).or_insert(value);
        }
    }
    if let Some(Value::Array(types)) = keys.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keys.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = keys.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(mut derived: Value, expect: &Value) {
        clean(&mut derived);
        assert_eq!(&derived, expect);
    }

    #[test]
    fn options_are_what_they_hold() {
        check(
            json!({ "type": ["string", "null"], "enum": ["a", null] }),
            &json!({ "type": "string", "enum": ["a"] }),
        );
        check(
            json!({ "description": "Outer.", "anyOf": [{ "type": "object", "description": "Inner." }, { "type": "null" }] }),
            &json!({ "description": "Outer.", "type": "object" }),
        );
    }

    #[test]
    fn numbers_say_their_width_only_where_it_is_fixed() {
        check(json!({ "type": "integer", "format": "int" }), &json!({ "type": "integer" }));
        check(
            json!({ "type": "integer", "format": "int64" }),
            &json!({ "type": "integer", "format": "int64" }),
        );
    }

    #[test]
    fn only_real_defaults_are_kept() {
        check(
            json!({ "type": "object", "title": "T", "required": [], "properties": {
                "a": { "type": "string", "default": "seen" },
                "b": { "type": "string", "default": "seen", "x-default": "meant" },
            }}),
            &json!({ "type": "object", "properties": {
                "a": { "type": "string" },
                "b": { "type": "string", "default": "meant" },
            }}),
        );
    }
}
