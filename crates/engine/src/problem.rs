//! What went wrong, as data. Phases, counts, results files, describe output, logs and events are renderings
//! of the same list of problems.

use api::meta::ObjectKey;
use serde::{Deserialize, Serialize};

/// A kind of problem, with its stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code {
    /// `SLV-` and four digits, never used again for something else.
    pub id: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What a person can do about it.
    pub remedy: &'static str,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that the user should know, and that cost nothing that was asked for.
    Warning,
    /// Something that was asked for and was not done.
    Error,
}

/// Where a problem belongs in Velero's results files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The operation as a whole.
    Velero,
    /// Cluster-scoped objects.
    Cluster,
    /// The objects of a namespace; on restore, of the target namespace.
    Namespace(String),
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The `id` of its [`Code`].
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it belongs.
    pub place: Place,
    /// The object in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectKey>,
    /// What happened, in a sentence.
    pub message: String,
    /// What a person can do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl Problem {
    /// A problem with the operation as a whole.
    pub fn new(code: &Code, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code: code.id.to_owned(),
            severity,
            place: Place::Velero,
            object: None,
            message: message.into(),
            remedy: code.remedy.to_owned(),
        }
    }

    /// What happened, with the code to look it up, as results and statuses say it.
    pub fn sentence(&self) -> String {
        format!("{} ({})", self.message, self.code)
    }

    /// The same problem, about an object.
    #[must_use]
    pub fn about(mut self, object: &ObjectKey) -> Self {
        self.place = object.namespace.clone().map_or(Place::Cluster, Place::Namespace);
        self.object = Some(object.clone());
        self
    }

    /// The same problem, placed in a namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        self.place = Place::Namespace(namespace.to_owned());
        self
    }
}

/// How many errors there are.
pub fn errors(problems: &[Problem]) -> usize {
    problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}

/// How many warnings there are.
pub fn warnings(problems: &[Problem]) -> usize {
    problems.len() - errors(problems)
}
