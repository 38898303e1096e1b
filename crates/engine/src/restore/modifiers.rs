//! Resource modifiers: rules of a ConfigMap that change objects on their way from the archive to the cluster.
//!
//! They are read and completed before a restore begins, and stored in its plan: a restore that goes on after its server
//! died goes on with the same rules, whatever became of the ConfigMap. A rule changes an object as a whole or not at
//! all, and never which object it is.

mod conditions;
mod operations;
mod read;
pub mod strategic;
pub mod template;
mod value;

use std::collections::BTreeSet;

use api::meta::{GroupResource, ObjectKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::conditions::Conditions;
use self::operations::Operation;
use self::template::{Fact, Facts, Names};
use super::adjustments::problems;
use crate::document::at;
use crate::problem::{Problem, Severity};

/// The rules of one ConfigMap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Modifiers {
    /// The ConfigMap that they come from.
    pub source: String,
    rules: Vec<Rule>,
}

/// What to do to some objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rule {
    conditions: Conditions,
    patches: Patches,
}

/// The patches of a rule, applied one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Patches {
    /// JSON Patch, RFC 6902.
    Json(Vec<Operation>),
    /// JSON Merge Patch, RFC 7386.
    Merge(Vec<Value>),
    /// Kubernetes' strategic merge patches.
    Strategic(Vec<Value>),
}

/// The object that is modified.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its type, as in the archive.
    pub resource: &'a GroupResource,
    /// Its namespace in the backup.
    pub namespace: Option<&'a str>,
    /// Where it goes.
    pub target: &'a ObjectKey,
    /// The backup that it comes from.
    pub backup: &'a str,
}

/// Why a rule does not change an object.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    /// A `test` says that it is not for this object.
    Untested,
    /// It cannot be applied.
    Failed(String),
    /// It would make another object of it.
    Identity(&'static str),
}

impl Modifiers {
    /// Reads the rules of a ConfigMap. Errors are sentences that say which rule and which field they are about.
    pub fn read(config_map: &Value) -> Result<Self, Vec<String>> {
        read::modifiers(config_map)
    }

    /// How many rules there are.
    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// What the values of the rules have to know of the cluster.
    pub fn facts(&self) -> BTreeSet<Fact> {
        let mut facts = BTreeSet::new();
        for text in self.rules.iter().flat_map(Rule::values).flat_map(template::texts) {
            facts.extend(template::facts(text).into_iter().flatten());
        }
        facts
    }

    /// Puts what is known of the cluster into the values. What is not known is an error.
    pub fn complete(&mut self, facts: &Facts) -> Result<(), Vec<String>> {
        let mut errors = Vec::new();
        for (number, rule) in (1..).zip(&mut self.rules) {
            for value in rule.values_mut() {
                let filled = template::fill(value, &|fact| facts.of(fact));
                errors.extend(filled.err().map(|reason| format!("rule {number}: {reason}")));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Changes a document by every rule that is for it. Whether a rule is for it, the document says that came in.
    pub fn apply(&self, document: &mut Value, subject: &Subject<'_>) -> Vec<Problem> {
        let numbered = (1..).zip(&self.rules);
        let rules: Vec<_> = numbered.filter(|(_, rule)| rule.conditions.hold(document, subject)).collect();
        let mut problems = Vec::new();
        for (number, rule) in rules {
            match rule.applied(document, subject) {
                Ok(changed) => {
                    *document = changed.document;
                    problems.extend(changed.replaced.map(|list| self.replaced(number, &list, subject)));
                }
                Err(Refusal::Untested) => {}
                Err(refusal) => problems.push(self.refused(number, &refusal, subject)),
            }
        }
        problems
    }

    fn refused(&self, number: usize, refusal: &Refusal, subject: &Subject<'_>) -> Problem {
        let source = &self.source;
        let (code, reason) = match refusal {
            Refusal::Untested => (&problems::MODIFIER_FAILED, "its test does not hold".to_owned()),
            Refusal::Failed(reason) => (&problems::MODIFIER_FAILED, reason.clone()),
            Refusal::Identity(field) => (
                &problems::MODIFIER_IDENTITY,
                format!("it would change {field}, and with it which object this is"),
            ),
        };
        let message = format!("rule {number} of the resource modifier {source} was not applied: {reason}");
        Problem::new(code, Severity::Error, message).about(subject.target)
    }

    fn replaced(&self, number: usize, list: &str, subject: &Subject<'_>) -> Problem {
        let source = &self.source;
        let message = format!(
            "rule {number} of the resource modifier {source} replaced the whole list {list}: by which field its members are \
             told apart is not known of this kind"
        );
        Problem::new(&problems::LIST_REPLACED, Severity::Warning, message).about(subject.target)
    }
}

/// What a rule made of a document.
struct Changed {
    document: Value,
    /// A list that a strategic patch could only replace.
    replaced: Option<String>,
}

impl Rule {
    fn values(&self) -> Vec<&Value> {
        let matches = self.conditions.values();
        match &self.patches {
            Patches::Json(operations) => {
                matches.chain(operations.iter().filter_map(Operation::value)).collect()
            }
            Patches::Merge(patches) | Patches::Strategic(patches) => matches.chain(patches).collect(),
        }
    }

    fn values_mut(&mut self) -> Vec<&mut Value> {
        let matches = self.conditions.values_mut();
        match &mut self.patches {
            Patches::Json(operations) => {
                matches.chain(operations.iter_mut().filter_map(Operation::value_mut)).collect()
            }
            Patches::Merge(patches) | Patches::Strategic(patches) => matches.chain(patches).collect(),
        }
    }

    /// What the rule makes of a document.
    fn applied(&self, document: &Value, subject: &Subject<'_>) -> Result<Changed, Refusal> {
        let filled = |value: &Value| -> Result<Value, Refusal> {
            let mut value = value.clone();
            let names = Names::of_subject(subject);
            template::fill(&mut value, &|fact| names.of(fact)).map_err(Refusal::Failed)?;
            Ok(value)
        };
        let mut changed = Changed { document: document.clone(), replaced: None };
        match &self.patches {
            Patches::Json(operations) => operations::apply(operations, &mut changed.document, filled)?,
            Patches::Merge(patches) => {
                for patch in patches {
                    json_patch::merge(&mut changed.document, &filled(patch)?);
                }
            }
            Patches::Strategic(patches) => {
                for patch in patches {
                    let replaced = strategic::merge(&mut changed.document, &filled(patch)?);
                    changed.replaced = replaced.map_err(Refusal::Failed)?.or(changed.replaced);
                }
            }
        }
        match other_identity(document, &changed.document) {
            Some(field) => Err(Refusal::Identity(field)),
            None => Ok(changed),
        }
    }
}

/// The field by which a changed document means another object than the document did.
fn other_identity(document: &Value, changed: &Value) -> Option<&'static str> {
    const FIELDS: [(&str, &[&str]); 4] = [
        ("apiVersion", &["apiVersion"]),
        ("kind", &["kind"]),
        ("metadata.name", &["metadata", "name"]),
        ("metadata.namespace", &["metadata", "namespace"]),
    ];
    let differs = |path: &[&str]| at(document, path) != at(changed, path);
    FIELDS.iter().find(|(_, path)| differs(path)).map(|(field, _)| *field)
}

#[cfg(test)]
mod tests;
