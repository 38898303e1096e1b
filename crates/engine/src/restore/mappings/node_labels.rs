//! `salvor.io/change-node-selector`: what pods ask of their nodes, `ANY-KEY: KEY=VALUE,KEY=VALUE`.
//!
//! Node selectors and node affinity of pods and of every template of pods follow. `KEY` alone means any value of it; with
//! nothing after the comma, what was asked for is not asked for any more.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Entry, halves, problem, workloads};
use crate::document::{list, list_mut, object_mut, remove, text};
use crate::problem::{Problem, Severity};
use crate::restore::adjustments::problems::NODE_RULE_PART;
use crate::restore::modifiers::Subject;

/// The label of its ConfigMap.
pub(super) const LABEL: &str = "salvor.io/change-node-selector";
const REQUIRED: &[&str] = &["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
const PREFERRED: &[&str] = &["affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution"];

/// Rules on what is asked of nodes, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct NodeLabels(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rule {
    key: String,
    /// Absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new: Option<(String, String)>,
}

/// What becomes of a requirement.
enum Fate {
    Stays,
    Goes,
    Becomes(Value),
    /// A rule is for it and cannot be put into it.
    Unfit,
}

impl NodeLabels {
    pub(super) fn read(entries: &[Entry]) -> Result<Self, String> {
        let rule = |entry: &Entry| -> Result<Rule, String> {
            let (old, new) = halves(entry)?;
            let (key, value) =
                old.split_once('=').map_or((old, None), |(key, value)| (key, Some(value.to_owned())));
            let pair = |text: &str| text.split_once('=').filter(|(key, _)| !key.is_empty()).map(owned);
            let new = match new {
                "" => None,
                text => Some(
                    pair(text).ok_or_else(|| format!("{} maps to {text:?}, and not KEY=VALUE", entry.key))?,
                ),
            };
            Ok(Rule { key: key.to_owned(), value, new })
        };
        entries.iter().map(rule).collect::<Result<_, String>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn apply(&self, document: &mut Value, subject: &Subject<'_>) -> Option<Problem> {
        if self.0.is_empty() {
            return None;
        }
        let spec = workloads::pod_spec(document, subject.resource)?;
        let before = spec.clone();
        let mut unfit = Vec::new();
        self.selector(spec);
        self.required(spec, &mut unfit);
        self.preferred(spec, &mut unfit);
        if *spec != before {
            prune(spec);
        }
        let key = unfit.first()?;
        let message =
            format!("its node affinity was left as it is: a rule on {key} does not fit a requirement of it");
        Some(problem(&NODE_RULE_PART, Severity::Warning, message, subject))
    }

    fn selector(&self, spec: &mut Value) {
        let Some(selector) = object_mut(spec, &["nodeSelector"]) else { return };
        let mut made = Map::new();
        for (key, value) in std::mem::take(selector) {
            let wanted = value.as_str().unwrap_or_default();
            let rule = self.0.iter().find(|rule| rule.key == key && rule.is_of(wanted));
            match rule.map(|rule| rule.new.clone()) {
                None => drop(made.insert(key, value)),
                Some(None) => {}
                Some(Some((key, value))) => drop(made.insert(key, Value::from(value))),
            }
        }
        *selector = made;
    }

    /// The terms are alternatives: one that asks for nothing any more makes the others needless.
    fn required(&self, spec: &mut Value, unfit: &mut Vec<String>) {
        let mut path = REQUIRED.to_vec();
        path.push("nodeSelectorTerms");
        let mut free = false;
        for term in list_mut(spec, &path).into_iter().flatten() {
            free |= self.term(term, unfit);
        }
        if free {
            remove(spec, REQUIRED);
        }
    }

    fn preferred(&self, spec: &mut Value, unfit: &mut Vec<String>) {
        if let Some(preferences) = list_mut(spec, PREFERRED) {
            preferences
                .retain_mut(|one| !one.get_mut("preference").is_some_and(|term| self.term(term, unfit)));
        }
    }

    /// Changes the requirements of a term. Returns whether that took its last one.
    fn term(&self, term: &mut Value, unfit: &mut Vec<String>) -> bool {
        let mut before = 0;
        for field in ["matchExpressions", "matchFields"] {
            let Some(requirements) = list_mut(term, &[field]) else { continue };
            before += requirements.len();
            requirements.retain_mut(|requirement| match self.fate(requirement) {
                Fate::Stays => true,
                Fate::Goes => false,
                Fate::Becomes(made) => {
                    *requirement = made;
                    true
                }
                Fate::Unfit => {
                    unfit.push(text(requirement, &["key"]).to_owned());
                    true
                }
            });
            if requirements.is_empty() {
                remove(term, &[field]);
            }
        }
        let left = list(term, &["matchExpressions"]).len() + list(term, &["matchFields"]).len();
        before > 0 && left == 0
    }

    fn fate(&self, requirement: &Value) -> Fate {
        let (key, operator) = (text(requirement, &["key"]), text(requirement, &["operator"]));
        let values: Vec<&str> = list(requirement, &["values"]).iter().filter_map(Value::as_str).collect();
        let concerned =
            |rule: &&Rule| rule.key == key && rule.value.as_deref().is_none_or(|old| values.contains(&old));
        let Some(rule) = self.0.iter().find(concerned) else { return Fate::Stays };
        let positive = matches!(operator, "In" | "Exists");
        match (&rule.value, &rule.new) {
            (None, None) => Fate::Goes,
            (None, Some((key, value))) if positive => {
                Fate::Becomes(json!({"key": key, "operator": "In", "values": [value]}))
            }
            (Some(old), None) if matches!(operator, "In" | "NotIn") => {
                let left: Vec<&str> = values.into_iter().filter(|value| value != old).collect();
                let made = json!({"key": key, "operator": operator, "values": left});
                if left.is_empty() { Fate::Goes } else { Fate::Becomes(made) }
            }
            (Some(old), Some((new_key, new))) if matches!(operator, "In" | "NotIn") => {
                let mapped = |value: &&str| if value == old { new.clone() } else { (*value).to_owned() };
                let made: Vec<String> = values.iter().map(mapped).collect();
                let fits = new_key == key || values.len() == 1;
                let made = json!({"key": new_key, "operator": operator, "values": made});
                if fits { Fate::Becomes(made) } else { Fate::Unfit }
            }
            _ => Fate::Unfit,
        }
    }
}

impl Rule {
    fn is_of(&self, value: &str) -> bool {
        self.value.as_deref().is_none_or(|wanted| wanted == value)
    }
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// Removes what nothing is left of, from the inside out.
fn prune(spec: &mut Value) {
    for path in [&["nodeSelector"][..], PREFERRED, &["affinity", "nodeAffinity"], &["affinity"]] {
        let empty = match crate::document::at(spec, path) {
            Value::Object(fields) => fields.is_empty(),
            Value::Array(members) => members.is_empty(),
            _ => false,
        };
        if empty {
            remove(spec, path);
        }
    }
}
