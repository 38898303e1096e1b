//! Reading the ConfigMap of a resource modifier: strictly, and with errors that say where.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::conditions::{Conditions, Match, NamePattern, Pattern};
use super::operations::Operation;
use super::{Modifiers, Patches, Rule, template, value};
use crate::document::{at, name};
use crate::filter::Selector;

/// The rules that a ConfigMap may have.
const RULES_MAX: usize = 1000;
/// The only version of the form.
const VERSION: &str = "v1";

type Read<T> = Result<T, String>;

#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    expecting = "a map with version and resourceModifierRules"
)]
struct WrittenFile {
    version: String,
    resource_modifier_rules: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a map with conditions and patches")]
struct WrittenRule {
    #[serde(default)]
    conditions: Value,
    patches: Option<Vec<Value>>,
    merge_patches: Option<Vec<Value>>,
    strategic_patches: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a map of conditions")]
struct WrittenConditions {
    #[serde(default)]
    group_resource: String,
    resource_name_regex: Option<String>,
    namespaces: Option<Vec<String>>,
    label_selector: Option<Value>,
    matches: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map with path and value")]
struct WrittenMatch {
    #[serde(default)]
    path: String,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map with operation and path")]
struct WrittenOperation {
    #[serde(default)]
    operation: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    path: String,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a map with patchData")]
struct WrittenPatch {
    patch_data: String,
}

/// A null that is written is a value, and not the want of one.
fn present<'de, D: Deserializer<'de>>(written: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(written).map(Some)
}

/// The rules of a ConfigMap.
pub(super) fn modifiers(config_map: &Value) -> Result<Modifiers, Vec<String>> {
    let file = text(config_map).and_then(|text| file(&text)).map_err(|error| vec![error])?;
    let mut rules = Vec::new();
    let mut errors = Vec::new();
    for (number, written) in (1..).zip(&file.resource_modifier_rules) {
        match rule(written) {
            Ok(rule) => rules.push(rule),
            Err(error) => errors.push(format!("rule {number}: {error}")),
        }
    }
    if errors.is_empty() { Ok(Modifiers { source: name(config_map).to_owned(), rules }) } else { Err(errors) }
}

/// The only text of a ConfigMap.
fn text(config_map: &Value) -> Read<String> {
    let mut data = at(config_map, &["data"]).as_object().into_iter().flatten();
    match (data.next(), data.next()) {
        (Some((_, Value::String(text))), None) => Ok(text.clone()),
        (None, _) => Err("it has no data".to_owned()),
        _ => Err("it has more than one key of data, and only one can be the rules".to_owned()),
    }
}

fn file(text: &str) -> Read<WrittenFile> {
    // Words such as `yes` and `on` are texts, as Velero's own reader has them.
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    let document: Value = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| format!("it is not YAML: {error}"))?;
    let file: WrittenFile = typed(document)?;
    if !file.version.eq_ignore_ascii_case(VERSION) {
        return Err(format!("version {:?} is not known: only {VERSION} is", file.version));
    }
    match file.resource_modifier_rules.len() {
        0 => Err("resourceModifierRules is empty".to_owned()),
        1..=RULES_MAX => Ok(file),
        count => Err(format!("it has {count} rules, and {RULES_MAX} are the most")),
    }
}

fn typed<T: DeserializeOwned>(document: Value) -> Read<T> {
    // A list could be read as the fields in their order.
    if document.is_array() {
        return Err("a list stands where a map belongs".to_owned());
    }
    serde_json::from_value(document).map_err(|error| error.to_string())
}

fn rule(written: &Value) -> Read<Rule> {
    let written: WrittenRule = typed(written.clone())?;
    let conditions = conditions(written.conditions).map_err(|error| format!("conditions: {error}"))?;
    let patches = patches(written.patches, written.merge_patches, written.strategic_patches)?;
    let rule = Rule { conditions, patches };
    for text in rule.values().into_iter().flat_map(template::texts) {
        template::facts(text)?;
    }
    Ok(rule)
}

fn conditions(written: Value) -> Read<Conditions> {
    let of: WrittenConditions = typed(if written.is_null() { json!({}) } else { written })?;
    if of.group_resource.is_empty() {
        return Err("groupResource is missing".to_owned());
    }
    let pattern =
        |field: &str, text: String| Pattern::try_from(text).map_err(|error| format!("{field}: {error}"));
    let namespaces = of.namespaces.unwrap_or_default().into_iter().map(|text| pattern("namespaces", text));
    let name = of.resource_name_regex.filter(|text| !text.is_empty()).map(NamePattern::try_from).transpose();
    let matches = (1..).zip(of.matches.unwrap_or_default());
    let matches = matches.map(|(number, written)| {
        match_of(written).map_err(|error| format!("matches, entry {number}: {error}"))
    });
    Ok(Conditions {
        group_resource: pattern("groupResource", of.group_resource)?,
        namespaces: namespaces.collect::<Read<_>>()?,
        name: name.map_err(|error| format!("resourceNameRegex: {error}"))?,
        labels: of.label_selector.map_or(Ok(Selector::default()), selector)?,
        matches: matches.collect::<Read<_>>()?,
    })
}

fn selector(written: Value) -> Read<Selector> {
    if let Some(unknown) = unknown_field(&written, &["matchLabels", "matchExpressions"]) {
        return Err(format!("labelSelector: unknown field {unknown:?}"));
    }
    let selector: LabelSelector = typed(written).map_err(|error| format!("labelSelector: {error}"))?;
    Selector::of(&selector).map_err(|error| format!("labelSelector: {error}"))
}

/// A field that is not one of `known`: Kubernetes' own types pass over those.
fn unknown_field<'a>(document: &'a Value, known: &[&str]) -> Option<&'a str> {
    let mut fields = document.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    fields.find(|field| !known.contains(field))
}

fn match_of(written: Value) -> Read<Match> {
    let of: WrittenMatch = typed(written)?;
    pointer("path", &of.path)?;
    let value = value::read(of.value.as_ref()).map_err(|error| format!("value {error}"))?;
    Ok(Match { path: of.path, value })
}

fn pointer(field: &str, text: &str) -> Read<()> {
    match text {
        "" => Err(format!("{field} is missing")),
        text if text.starts_with('/') => Ok(()),
        text => Err(format!("{field} {text:?} does not begin with a slash")),
    }
}

/// The patches of a rule: it has one kind of them.
fn patches(
    json: Option<Vec<Value>>,
    merge: Option<Vec<Value>>,
    strategic: Option<Vec<Value>>,
) -> Read<Patches> {
    let some = |list: Option<Vec<Value>>| list.filter(|list| !list.is_empty());
    match (some(json), some(merge), some(strategic)) {
        (Some(list), None, None) => numbered("patches", list, operation).map(Patches::Json),
        (None, Some(list), None) => numbered("mergePatches", list, patch).map(Patches::Merge),
        (None, None, Some(list)) => numbered("strategicPatches", list, patch).map(Patches::Strategic),
        (None, None, None) => Err("it has none of patches, mergePatches and strategicPatches".to_owned()),
        _ => Err("it has more than one of patches, mergePatches and strategicPatches".to_owned()),
    }
}

fn numbered<T>(field: &str, list: Vec<Value>, read: fn(Value) -> Read<T>) -> Read<Vec<T>> {
    let entries = (1..).zip(list);
    entries
        .map(|(number, of)| read(of).map_err(|error| format!("{field}, entry {number}: {error}")))
        .collect()
}

fn operation(written: Value) -> Read<Operation> {
    let of: WrittenOperation = typed(written)?;
    pointer("path", &of.path)?;
    let document = match of.operation.as_str() {
        "add" | "replace" | "test" => {
            let value = value::read(of.value.as_ref()).map_err(|error| format!("value {error}"))?;
            json!({"op": of.operation, "path": of.path, "value": value})
        }
        "move" | "copy" => {
            pointer("from", &of.from)?;
            json!({"op": of.operation, "path": of.path, "from": of.from})
        }
        "remove" => json!({"op": of.operation, "path": of.path}),
        "" => return Err("operation is missing".to_owned()),
        other => {
            return Err(format!("operation {other:?} is none of add, remove, replace, move, copy and test"));
        }
    };
    Operation::of(document)
}

fn patch(written: Value) -> Read<Value> {
    let of: WrittenPatch = typed(written)?;
    let patch = serde_json::from_str(&of.patch_data)
        .or_else(|_| {
            let options = serde_saphyr::options! { with_snippet: false };
            serde_saphyr::from_str_with_options(&of.patch_data, options)
        })
        .map_err(|error| format!("patchData is neither JSON nor YAML: {error}"))?;
    match patch {
        Value::Object(_) => Ok(patch),
        _ => Err("patchData is not an object".to_owned()),
    }
}
