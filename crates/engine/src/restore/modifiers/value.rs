//! The `value` of an operation or of a match.
//!
//! Velero knows texts only, and makes JSON of them by how they look. What it can read is read the same here; YAML that has
//! a type keeps it, and a text that Velero would break on, such as one with a quote in it, is just that text.

use serde_json::{Number, Value};

/// The JSON that a written value means; an absent one is the empty text.
pub(super) fn read(written: Option<&Value>) -> Result<Value, String> {
    match written {
        None => Ok(Value::String(String::new())),
        Some(Value::String(text)) => of_text(text),
        Some(typed) => Ok(typed.clone()),
    }
}

fn of_text(text: &str) -> Result<Value, String> {
    if let Some(quoted) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return Ok(Value::String(unescaped(quoted)));
    }
    let compound = text.starts_with('[') || (text.starts_with('{') && !text.starts_with("{{"));
    if compound {
        let reason = "begins like JSON and is none; put double quotes around a text";
        return serde_json::from_str(text).map_err(|error| format!("{text:?} {reason}: {error}"));
    }
    Ok(match text.to_ascii_lowercase().as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if text == "null" => Value::Null,
        _ => number(text).map_or_else(|| Value::String(unescaped(text)), Value::Number),
    })
}

fn number(text: &str) -> Option<Number> {
    let bare = text.trim() == text;
    bare.then(|| serde_json::from_str(text).ok()).flatten()
}

/// A text whose escapes are JSON's, where it can be read like that, as Velero does; else the text as it stands.
fn unescaped(text: &str) -> String {
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, expect: Value) {
        assert_eq!(read(Some(&Value::from(text))), Ok(expect), "{text}");
    }

    #[test]
    fn texts_mean_what_they_mean_to_velero() {
        check("", json!(""));
        check("premium", json!("premium"));
        check("3", json!(3));
        check("-1.5", json!(-1.5));
        check("1e3", json!(1000.0));
        check("true", json!(true));
        check("null", json!(null));
        check("\"\"", json!(""));
        check("\"3\"", json!("3"));
        check("\"true\"", json!("true"));
        check("{\"a\": [1]}", json!({"a": [1]}));
        check("[\"a\", 2]", json!(["a", 2]));
        check("a\\nb", json!("a\nb"));
        check("say \\\"hi\\\"", json!("say \"hi\""));
    }

    #[test]
    fn texts_that_velero_breaks_on_are_texts() {
        check("say \"hi\" now", json!("say \"hi\" now"));
        check("one\ntwo", json!("one\ntwo"));
        check("^\\d+$", json!("^\\d+$"));
        check("True", json!(true));
        check("007", json!("007"));
        check("0x1F", json!("0x1F"));
        check("NaN", json!("NaN"));
        check("{{target.namespace}}.example.com", json!("{{target.namespace}}.example.com"));
        check("\"[::]:8080\"", json!("[::]:8080"));
        assert!(read(Some(&json!("[::]:8080"))).unwrap_err().contains("put double quotes around a text"));
    }

    #[test]
    fn what_has_a_type_keeps_it() {
        for typed in [json!(5), json!(true), json!(null), json!({"a": "5"}), json!(["true"])] {
            assert_eq!(read(Some(&typed)), Ok(typed));
        }
        assert_eq!(read(None), Ok(json!("")));
    }
}
