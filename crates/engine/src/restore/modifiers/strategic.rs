//! Strategic merge patches: merge patches that know by which field the members of a list are told apart.
//!
//! Which lists those are is a fact of the API, kept in [`schema`]. Lists of kinds that it does not know are replaced as a
//! whole, as a JSON merge patch does, and that is told.

mod lists;
mod schema;

use serde_json::{Map, Value};

use self::schema::{Field, Schema};
use crate::document::text;

/// Says what to do with an object: `replace`, `delete` or `merge`.
const PATCH: &str = "$patch";
/// Lists the only fields of an object that stay.
const RETAIN_KEYS: &str = "$retainKeys";
/// Before the name of a list: the members to take out of it.
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
/// Before the name of a list: the order of its members.
const ORDER: &str = "$setElementOrder/";

/// Applies a strategic merge patch to a document of any kind. Returns the path of a list that was replaced because its kind
/// is not known.
pub fn merge(document: &mut Value, patch: &Value) -> Result<Option<String>, String> {
    let known = schema::of(text(document, &["apiVersion"]), text(document, &["kind"]));
    let mut merger = Merger { foreign: known.is_none(), replaced: None };
    let (Value::Object(fields), Value::Object(patch)) = (&mut *document, patch) else {
        return Err("a patch that is no object cannot be merged".to_owned());
    };
    merger.object(fields, patch, known.unwrap_or(&schema::NOTHING), "")?;
    Ok(merger.replaced)
}

/// A merge under way.
struct Merger {
    /// Whether nothing is known of the kind.
    foreign: bool,
    replaced: Option<String>,
}

impl Merger {
    fn object(
        &mut self,
        fields: &mut Map<String, Value>,
        patch: &Map<String, Value>,
        schema: &Schema,
        path: &str,
    ) -> Result<(), String> {
        match patch.get(PATCH).and_then(Value::as_str) {
            None | Some("merge") => {}
            Some("replace") => {
                *fields = without_directives(patch);
                return Ok(());
            }
            Some("delete") => {
                fields.clear();
                return Ok(());
            }
            Some(other) => {
                return Err(format!("{path}/{PATCH} is {other:?}, and not replace, delete or merge"));
            }
        }
        if let Some(kept) = patch.get(RETAIN_KEYS) {
            let kept = lists::of(kept, path)?;
            fields.retain(|key, _| kept.iter().any(|one| one == key));
        }
        for (key, value) in patch.iter().filter(|(key, _)| !is_directive(key)) {
            self.field(fields, (key, value), schema, &format!("{path}/{key}"))?;
        }
        self.ordered(fields, patch, schema, path)
    }

    fn field(
        &mut self,
        fields: &mut Map<String, Value>,
        (key, value): (&String, &Value),
        schema: &Schema,
        path: &str,
    ) -> Result<(), String> {
        match value {
            Value::Null => drop(fields.remove(key)),
            Value::Object(patch) => {
                let before = fields.entry(key.clone()).or_insert(Value::Null);
                if !before.is_object() {
                    *before = Value::Object(Map::new());
                }
                if let Value::Object(before) = before {
                    self.object(before, patch, schema.object(key), path)?;
                }
                // A deleted object is gone, and not empty.
                if text(value, &[PATCH]) == "delete" {
                    fields.remove(key);
                }
            }
            Value::Array(patch) => {
                let before = fields.entry(key.clone()).or_insert(Value::Null);
                let merged = self.list(lists::taken(before), patch, schema.field(key), path)?;
                *before = Value::Array(merged);
            }
            plain => drop(fields.insert(key.clone(), plain.clone())),
        }
        Ok(())
    }

    fn list(
        &mut self,
        before: Vec<Value>,
        patch: &[Value],
        field: Option<&Field>,
        path: &str,
    ) -> Result<Vec<Value>, String> {
        match field {
            Some(Field::Keyed(key, members)) => self.keyed(before, patch, (*key, *members), path),
            Some(Field::Set) => Ok(lists::united(before, patch)),
            Some(Field::Object(_)) | None => {
                let directs = |member: &Value| member.get(PATCH).is_some() && !is_lone_directive(member);
                if patch.iter().any(directs) {
                    return Err(format!(
                        "{path} is a list that can only be replaced, and a member has {PATCH}"
                    ));
                }
                if self.foreign && !before.is_empty() {
                    self.replaced.get_or_insert_with(|| path.to_owned());
                }
                Ok(patch.iter().filter(|member| !is_lone_directive(member)).cloned().collect())
            }
        }
    }

    /// Merges lists whose members are told apart by a field.
    fn keyed(
        &mut self,
        before: Vec<Value>,
        patch: &[Value],
        (key, schema): (&str, &Schema),
        path: &str,
    ) -> Result<Vec<Value>, String> {
        let members: Vec<&Value> = patch.iter().filter(|member| !is_lone_directive(member)).collect();
        if members.len() < patch.len() {
            let replaces =
                patch.iter().any(|member| is_lone_directive(member) && text(member, &[PATCH]) == "replace");
            return match replaces {
                true => Ok(members.into_iter().cloned().collect()),
                false => Err(format!("{path} has a directive that is not for lists")),
            };
        }
        let order: Vec<Value> = before.iter().map(|member| member[key].clone()).collect();
        let (mut merged, mut named) = (before, Vec::new());
        for member in members {
            let name = &member[key];
            if name.is_null() {
                return Err(format!("a member of {path} has no {key}, by which it would be found"));
            }
            let found = merged.iter().position(|one| one[key] == *name);
            match (text(member, &[PATCH]), found) {
                ("delete", Some(place)) => drop(merged.remove(place)),
                ("delete", None) => {}
                (_, Some(place)) => self.member(&mut merged[place], member, schema, path)?,
                (_, None) => {
                    merged.push(Value::Object(Map::new()));
                    let last = merged.len() - 1;
                    self.member(&mut merged[last], member, schema, path)?;
                }
            }
            named.push(name.clone());
        }
        Ok(lists::arranged(merged, &named, &order, |member| member[key].clone()))
    }

    fn member(
        &mut self,
        member: &mut Value,
        patch: &Value,
        schema: &Schema,
        path: &str,
    ) -> Result<(), String> {
        if let (Value::Object(fields), Value::Object(patch)) = (member, patch) {
            self.object(fields, patch, schema, path)?;
        }
        Ok(())
    }

    /// Obeys the directives on lists, which stand beside them.
    fn ordered(
        &mut self,
        fields: &mut Map<String, Value>,
        patch: &Map<String, Value>,
        schema: &Schema,
        path: &str,
    ) -> Result<(), String> {
        for (directive, listed) in patch {
            if let Some(name) = directive.strip_prefix(DELETE_FROM) {
                let gone = lists::of(listed, path)?;
                if let Some(Value::Array(list)) = fields.get_mut(name) {
                    list.retain(|member| !gone.contains(member));
                }
            } else if let Some(name) = directive.strip_prefix(ORDER) {
                let listed = lists::of(listed, path)?;
                let Some(list) = fields.get_mut(name) else { continue };
                let key = schema.key(name);
                let name_of = |member: &Value| key.map_or_else(|| member.clone(), |key| member[key].clone());
                let wanted: Vec<Value> = listed.iter().map(name_of).collect();
                let members = lists::taken(list);
                let present: Vec<Value> = members.iter().map(name_of).collect();
                *list = Value::Array(lists::arranged(members, &wanted, &present, name_of));
            }
        }
        Ok(())
    }
}

fn is_directive(key: &str) -> bool {
    key == PATCH || key == RETAIN_KEYS || key.starts_with(DELETE_FROM) || key.starts_with(ORDER)
}

/// Whether a member of a list is there to say what becomes of the list.
fn is_lone_directive(member: &Value) -> bool {
    member.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key(PATCH))
}

fn without_directives(patch: &Map<String, Value>) -> Map<String, Value> {
    let fields = patch.iter().filter(|(key, value)| !is_directive(key) && !value.is_null());
    fields.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests;
