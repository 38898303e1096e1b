//! Which objects a rule is for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Subject;
use super::template::{self, Names};
use crate::document::{label, name};
use crate::filter::selector::Labelled;
use crate::filter::{Glob, Selector};

/// The bytes that a compiled pattern for names may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Which objects a rule is for: all of it has to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Conditions {
    /// The types, as in the archive.
    pub(super) group_resource: Pattern,
    /// The namespaces in the backup, empty for all; cluster-scoped objects are in none, and are not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) namespaces: Vec<Pattern>,
    /// What occurs in the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<NamePattern>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Selector::is_empty")]
    pub(super) labels: Selector,
    /// What the document has at some places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) matches: Vec<Match>,
}

/// What a document has at a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Match {
    /// The place, as a JSON pointer.
    pub(super) path: String,
    /// The value.
    pub(super) value: Value,
}

impl Conditions {
    /// Whether the rule is for this document.
    pub(super) fn hold(&self, document: &Value, subject: &Subject<'_>) -> bool {
        let namespace =
            |of: &str| self.namespaces.is_empty() || self.namespaces.iter().any(|one| one.0.matches(of));
        self.group_resource.0.matches(&subject.resource.to_string())
            && subject.namespace.is_none_or(namespace)
            && self.name.as_ref().is_none_or(|pattern| pattern.0.is_match(name(document)))
            && self.labels.matches(&LabelsOf(document))
            && self.matches.iter().all(|one| one.holds(document, subject))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.matches.iter().map(|one| &one.value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.matches.iter_mut().map(|one| &mut one.value)
    }
}

impl Match {
    fn holds(&self, document: &Value, subject: &Subject<'_>) -> bool {
        let mut value = self.value.clone();
        let names = Names::of_subject(subject);
        template::fill(&mut value, &|fact| names.of(fact)).is_ok()
            && document.pointer(&self.path) == Some(&value)
    }
}

struct LabelsOf<'a>(&'a Value);

impl Labelled for LabelsOf<'_> {
    fn label(&self, key: &str) -> Option<&str> {
        label(self.0, key)
    }
}

/// A pattern whose `*` stops at dots. Stored as its text, compiled once when that is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Pattern(Glob, String);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let glob = Glob::separated(&text, '.').map_err(|error| error.to_string())?;
        Ok(Self(glob, text))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.1
    }
}

/// A regular expression that occurs in names. Stored as its text, compiled once when that is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct NamePattern(regex::Regex);

impl TryFrom<String> for NamePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let compiled = regex::RegexBuilder::new(&text).size_limit(PATTERN_BYTES_MAX).build();
        compiled
            .map(Self)
            .map_err(|error| format!("failed to read the expression {text:?}: {}", reason(&error)))
    }
}

/// What is wrong with an expression, in one line: a syntax error is told as a drawing of several, the last of which says it.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().next_back().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}

impl PartialEq for NamePattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_an_expression_is_one_line() {
        let told = |text: &str| NamePattern::try_from(text.to_owned()).unwrap_err();
        assert_eq!(told("a("), "failed to read the expression \"a(\": unclosed group");
        let too_large = told(r"\pL{1000}{100}");
        assert!(!too_large.contains('\n') && too_large.contains("size limit"), "{too_large}");
    }
}
