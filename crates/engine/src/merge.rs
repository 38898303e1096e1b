//! JSON merge patches (RFC 7386): what turns one document into another.

use serde_json::{Map, Value};

/// The merge patch that turns `from` into `to`; `None` where they are equal.
pub fn diff(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return Some(to.clone()) };
    let removed = from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = to.iter().filter_map(|(key, value)| {
        let patch = match from.get(key) {
            Some(before) => diff(before, value),
            // A merge patch cannot set a null: what is absent and what is null are one to it.
            None => Some(value).filter(|value| !value.is_null()).cloned(),
        };
        Some((key.clone(), patch?))
    });
    let patch: Map<String, Value> = removed.chain(changed).collect();
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// The merge patch that brings into `from` what `to` has, and takes nothing away: members of objects that only `from`
/// has stay. `None` where it has it all. Lists are values: the one of `to` takes the place of the one that was.
pub fn additions(from: &Value, to: &Value) -> Option<Value> {
    if from == to || to.is_null() {
        return None;
    }
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return Some(to.clone()) };
    let brought = to.iter().filter_map(|(key, value)| {
        let patch = match from.get(key) {
            Some(before) => additions(before, value),
            None => Some(value).filter(|value| !value.is_null()).cloned(),
        };
        Some((key.clone(), patch?))
    });
    let patch: Map<String, Value> = brought.collect();
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(from: &Value, to: &Value, expect: Option<Value>) {
        assert_eq!(diff(from, to), expect, "{from} -> {to}");
    }

    #[test]
    fn only_what_differs_is_said() {
        check(&json!({"a": 1}), &json!({"a": 1}), None);
        check(
            &json!({"a": 1, "b": {"c": 1, "d": 2}}),
            &json!({"b": {"c": 1, "d": 3}}),
            Some(json!({"a": null, "b": {"d": 3}})),
        );
        check(&json!({"a": [1, 2]}), &json!({"a": [2]}), Some(json!({"a": [2]})));
        check(&json!({}), &json!({"a": null}), None);
        check(&json!({"a": 1}), &json!(3), Some(json!(3)));
    }

    #[test]
    fn additions_take_nothing_away() {
        let (from, to) =
            (json!({"a": 1, "b": {"c": 1, "l": [1, 2]}}), json!({"b": {"c": 2, "l": [3], "n": null}}));
        assert_eq!(additions(&from, &to), Some(json!({"b": {"c": 2, "l": [3]}})));
        assert_eq!(additions(&from, &json!({"b": {"c": 1}, "a": null})), None);
        assert_eq!(additions(&json!({"a": {}}), &json!({"a": 3})), Some(json!({"a": 3})));
    }

    /// Documents without nulls, whose objects are not empty.
    pub(crate) fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<u8>().prop_map(Value::from),
            "[a-z]{0,4}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-e]", inner, 1..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn with_the_additions_nothing_of_the_other_is_missing(from in documents(), to in documents()) {
            let mut patched = from.clone();
            if let Some(patch) = additions(&from, &to) {
                json_patch::merge(&mut patched, &patch);
            }
            prop_assert_eq!(additions(&patched, &to), None);
        }

        #[test]
        fn a_diff_applied_gives_the_other(from in documents(), to in documents()) {
            let mut patched = from.clone();
            if let Some(patch) = diff(&from, &to) {
                json_patch::merge(&mut patched, &patch);
            }
            prop_assert_eq!(patched, to);
        }
    }
}
