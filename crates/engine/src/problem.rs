//! What went wrong, as data. Phases, counts, results files, describe output, logs and events are renderings
//! of the same list of problems.

use std::collections::BTreeMap;

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

    /// What happened and what to do about it, each as a sentence of its own, behind the code.
    pub fn advice(&self) -> String {
        let stop = if self.message.ends_with(['.', '!', '?']) { "" } else { "." };
        let remedy = if self.remedy.is_empty() { String::new() } else { format!(" {}", self.remedy) };
        format!("{}: {}{stop}{remedy}", self.code, self.message)
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

/// One problem for each code: the worst and first of it, which says how many more there are. Errors come first.
pub fn summary(problems: &[Problem]) -> Vec<Problem> {
    let mut of_code: BTreeMap<&str, (&Problem, usize)> = BTreeMap::new();
    for problem in problems {
        let (worst, count) = of_code.entry(&problem.code).or_insert((problem, 0));
        *count += 1;
        if problem.severity > worst.severity {
            *worst = problem;
        }
    }
    let one = |(problem, count): (&Problem, usize)| {
        let about = problem.object.as_ref().map(|object| format!("{object}: ")).unwrap_or_default();
        let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
        Problem { message: format!("{about}{}{more}", problem.message), ..problem.clone() }
    };
    let mut all: Vec<Problem> = of_code.into_values().map(one).collect();
    all.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    all
}

/// How many errors there are.
pub fn errors(problems: &[Problem]) -> usize {
    problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}

/// How many warnings there are.
pub fn warnings(problems: &[Problem]) -> usize {
    problems.len() - errors(problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::meta::GroupResource;

    #[test]
    fn advice_is_whole_sentences() {
        let code = Code { id: "SLV-1", title: "t", remedy: "Do it again." };
        let problem = |message: &str| Problem::new(&code, Severity::Error, message);
        assert_eq!(problem("it failed").advice(), "SLV-1: it failed. Do it again.");
        assert_eq!(problem("It failed.").advice(), "SLV-1: It failed. Do it again.");
        let nothing_to_do = Problem { remedy: String::new(), ..problem("it failed") };
        assert_eq!(nothing_to_do.advice(), "SLV-1: it failed.");
    }

    #[test]
    fn a_summary_has_each_code_once_and_errors_first() {
        let code = |id| Code { id, title: "t", remedy: "r" };
        let about = |name: &str| ObjectKey::new(GroupResource::new("", "pods"), Some("shop"), name);
        let problems = [
            Problem::new(&code("SLV-1"), Severity::Warning, "odd").about(&about("a")),
            Problem::new(&code("SLV-2"), Severity::Warning, "strange"),
            Problem::new(&code("SLV-2"), Severity::Error, "bad").about(&about("b")),
            Problem::new(&code("SLV-2"), Severity::Error, "worse"),
        ];
        let told: Vec<_> = summary(&problems).iter().map(|of| (of.severity, of.sentence())).collect();
        assert_eq!(
            told,
            [
                (Severity::Error, "pods shop/b: bad (and 2 more) (SLV-2)".to_owned()),
                (Severity::Warning, "pods shop/a: odd (SLV-1)".to_owned()),
            ]
        );
        assert!(summary(&[]).is_empty());
    }
}
