//! Label selectors in the server's text form.

use serde_json::Value;

/// A parsed selector: all requirements hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Present(String),
    Absent(String),
}

impl Selector {
    /// Reads a selector; `None` where it is malformed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let terms = split(text);
        terms
            .iter()
            .filter(|term| !term.is_empty())
            .map(|term| requirement(term))
            .collect::<Option<_>>()
            .map(Self)
    }

    /// Whether an object's labels meet it.
    pub(super) fn matches(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"][key].as_str();
        let among = |values: &[String], label: &str| values.iter().any(|value| value == label);
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|label| among(values, label)),
            Requirement::NotIn(key, values) => !label(key).is_some_and(|label| among(values, label)),
            Requirement::Present(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
        })
    }
}

/// Splits at the commas that are not between parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let outside = |letter: char| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        letter == ',' && depth == 0
    };
    text.split(outside).map(str::trim).collect()
}

fn requirement(term: &str) -> Option<Requirement> {
    if let Some(key) = term.strip_prefix('!') {
        return checked(key).map(Requirement::Absent);
    }
    if let Some((key, value)) = term.split_once("!=") {
        return Some(Requirement::NotIn(checked(key)?, vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = term.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Some(Requirement::In(checked(key)?, vec![value.trim().to_owned()]));
    }
    let Some((left, values)) = term.split_once('(') else { return checked(term).map(Requirement::Present) };
    let values = values.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
    match left.trim().split_once(char::is_whitespace)? {
        (key, word) if word.trim() == "in" => Some(Requirement::In(checked(key)?, values)),
        (key, word) if word.trim() == "notin" => Some(Requirement::NotIn(checked(key)?, values)),
        _ => None,
    }
}

fn checked(key: &str) -> Option<String> {
    let key = key.trim();
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    (!key.is_empty() && key.bytes().all(good)).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_read_as_the_server_reads_them() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        let cases = [
            ("", true),
            ("app=web", true),
            ("app==web,tier=front", true),
            ("app=db", false),
            ("app!=db", true),
            ("missing!=x", true),
            ("app in (db, web),tier", true),
            ("app notin (db,web)", false),
            ("!app", false),
            ("!missing", true),
            ("missing", false),
        ];
        for (text, expected) in cases {
            assert_eq!(Selector::parse(text).unwrap().matches(&object), expected, "{text}");
        }
        for text in ["app in web", "a b", "app within (x)", "=x"] {
            assert_eq!(Selector::parse(text), None, "{text}");
        }
    }
}
