//! What an operation has done so far, as records that are only ever appended, and what follows from them.
//!
//! The plan is written before the first effect. Records name items of the plan by their number, so a record is
//! a few dozen bytes. Reading a journal folds its records into [`Progress`]; a step that has a record is never
//! done again, and one that has none is found again by what it left in the cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::hooks;
use crate::problem::Problem;
use crate::restore::RestorePlan;
use crate::restore::plan::PlannedItem;

/// The version of the journal's files.
pub const VERSION: u32 = 1;

/// Whose a journal is: its first file, written before anything else of the operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The UID of the namespace of the server that began it: of the cluster and the installation.
    pub installation: String,
    /// What kind of object the operation is for.
    pub kind: Kind,
    /// The object's name.
    pub name: String,
}

/// The kinds of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A Backup.
    Backup,
    /// A Restore.
    Restore,
    /// The dry run of either: it has nothing but its report.
    DryRun,
}

impl Kind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "Backup" => Some(Self::Backup),
            "Restore" => Some(Self::Restore),
            _ => None,
        }
    }
}

/// One finished step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "camelCase")]
pub enum Record {
    /// A stage of the plan is through: every item of it was tried and its gate is passed. Those that were refused and may
    /// still come right have no record yet.
    Stage {
        /// The stage's number in the plan.
        number: u32,
    },
    /// A namespace that a restore needed is there.
    Namespace {
        /// Its name.
        name: String,
        /// Whether this operation created it.
        created: bool,
    },
    /// A namespace that was there was given what it lacked.
    NamespaceUpdated {
        /// Its name.
        name: String,
    },
    /// A namespace that a restore needed cannot be had: neither can what belongs into it.
    NoNamespace {
        /// Its name.
        name: String,
        /// Why.
        problem: Box<Problem>,
    },
    /// A hook of the plan begins: whether it has an effect from here on, only its end tells.
    HookBegins {
        /// The hook's number in the plan.
        number: u32,
    },
    /// A hook of the plan has ended, or is not run.
    Hook {
        /// The hook's number in the plan.
        number: u32,
        /// What became of it.
        outcome: Box<hooks::Outcome>,
    },
    /// An item of the plan needs nothing more.
    Item {
        /// The item's number in the plan.
        number: u32,
        /// What became of it.
        outcome: Outcome,
    },
    /// An item that was created before its owners has those of them that can be had.
    Owned {
        /// The item's number in the plan.
        number: u32,
        /// What went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<Box<Problem>>,
    },
    /// There is something to report that is about no item.
    Note {
        /// What.
        problem: Box<Problem>,
    },
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// In one word, as Velero's resource lists say it.
    pub action: Action,
    /// The name it got, where that is not the planned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The UID of the object that was created, or found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Whether it was created without some of its owners, since they come later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unowned: bool,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// What a restore did with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It was not there and is there now.
    Created,
    /// It was there and was changed.
    Updated,
    /// It was tried and is not as planned.
    Failed,
    /// It was there and was left alone.
    Skipped,
}

impl Action {
    /// The word in Velero's resource lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl Outcome {
    /// An outcome without a problem.
    pub fn of(action: Action) -> Self {
        Self { action, name: None, uid: String::new(), unowned: false, problems: Vec::new() }
    }

    /// An outcome with a problem.
    pub fn with(action: Action, problem: Problem) -> Self {
        Self { problems: vec![problem], ..Self::of(action) }
    }
}

/// What a journal says has been done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Stages that are through.
    pub stages: BTreeSet<u32>,
    /// Namespaces that are there, and whether this operation created them.
    pub namespaces: BTreeMap<String, bool>,
    /// Those of them that were given what they lacked.
    pub updated_namespaces: BTreeSet<String>,
    /// Namespaces that cannot be had, and why.
    pub no_namespaces: BTreeMap<String, Problem>,
    /// Items that need nothing more.
    pub items: BTreeMap<u32, Outcome>,
    /// Items that were given their owners after they were created.
    pub owned: BTreeSet<u32>,
    /// What there is to report besides.
    pub notes: Vec<Problem>,
    /// Hooks that have begun, and ended.
    pub hooks: hooks::Steps,
}

impl Progress {
    /// What `records` say, read in order. The first record of a step counts: what was done is not undone
    /// by a second writer that did not know of it.
    pub fn read(records: impl IntoIterator<Item = Record>) -> Self {
        let mut progress = Self::default();
        for record in records {
            progress.add(record);
        }
        progress
    }

    /// Adds one record.
    pub fn add(&mut self, record: Record) {
        match record {
            Record::Stage { number } => {
                self.stages.insert(number);
            }
            Record::Namespace { name, created } => {
                self.namespaces.entry(name).or_insert(created);
            }
            Record::NamespaceUpdated { name } => {
                self.updated_namespaces.insert(name);
            }
            Record::NoNamespace { name, problem } => {
                self.no_namespaces.entry(name).or_insert(*problem);
            }
            Record::HookBegins { number } => self.hooks.begin(number),
            Record::Hook { number, outcome } => self.hooks.end(number, *outcome),
            Record::Item { number, outcome } => {
                self.items.entry(number).or_insert(outcome);
            }
            Record::Owned { number, problem } => {
                if self.owned.insert(number) {
                    self.notes.extend(problem.map(|problem| *problem));
                }
            }
            Record::Note { problem } => {
                if !self.notes.contains(&problem) {
                    self.notes.push(*problem);
                }
            }
        }
    }

    /// What was done with each namespace that is there; nothing with those that were found and left as they are.
    pub fn namespaces_done(&self) -> impl Iterator<Item = (&str, Option<Action>)> {
        self.namespaces.iter().map(|(name, created)| {
            let updated = self.updated_namespaces.contains(name).then_some(Action::Updated);
            (name.as_str(), if *created { Some(Action::Created) } else { updated })
        })
    }

    /// Whether it is known what became of a namespace.
    pub fn knows_namespace(&self, name: &str) -> bool {
        self.namespaces.contains_key(name) || self.no_namespaces.contains_key(name)
    }

    /// Whether there is no place for an object of `plan`, since its namespace cannot be had. That it is not restored,
    /// the problem of the namespace says.
    pub fn is_lost(&self, planned: &PlannedItem, plan: &RestorePlan) -> bool {
        let namespace = plan.target(planned).namespace;
        namespace.is_some_and(|namespace| self.no_namespaces.contains_key(&namespace))
    }

    /// The UID of the object that an item came to, where there is one.
    pub fn uid(&self, number: u32) -> Option<&str> {
        self.items.get(&number).map(|outcome| outcome.uid.as_str()).filter(|uid| !uid.is_empty())
    }

    /// The items that were created before their owners and have not been given them.
    pub fn unowned(&self) -> impl Iterator<Item = u32> {
        let waiting =
            self.items.iter().filter(|(number, outcome)| outcome.unowned && !self.owned.contains(number));
        waiting.map(|(number, _)| *number)
    }

    /// Every problem: of namespaces, then of items and of hooks in the order of the plan.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        let items = self.items.values().flat_map(|outcome| &outcome.problems);
        self.no_namespaces.values().chain(&self.notes).chain(items).chain(self.hooks.problems())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Severity;
    use crate::restore::problems::NO_NAMESPACE;

    #[test]
    fn the_first_record_of_a_step_counts() {
        let created = Outcome { uid: "u1".into(), ..Outcome::of(Action::Created) };
        let progress = Progress::read([
            Record::Namespace { name: "shop".into(), created: true },
            Record::Item { number: 7, outcome: created.clone() },
            Record::Namespace { name: "shop".into(), created: false },
            Record::NoNamespace { name: "till".into(), problem: Box::new(no_namespace()) },
            Record::Item { number: 7, outcome: Outcome::of(Action::Skipped) },
            Record::Stage { number: 0 },
        ]);
        assert_eq!(progress.items[&7], created);
        assert!(progress.namespaces["shop"]);
        assert!(progress.stages.contains(&0));
        assert_eq!(progress.problems().collect::<Vec<_>>(), [&no_namespace()]);
    }

    #[test]
    fn what_was_created_before_its_owners_waits_for_them_once() {
        let waiting = Outcome { unowned: true, uid: "u".into(), ..Outcome::of(Action::Created) };
        let mut progress = Progress::read([
            Record::Item { number: 1, outcome: waiting.clone() },
            Record::Item { number: 2, outcome: waiting },
            Record::Item { number: 3, outcome: Outcome::of(Action::Failed) },
        ]);
        assert_eq!(progress.unowned().collect::<Vec<_>>(), [1, 2]);
        assert_eq!((progress.uid(1), progress.uid(3), progress.uid(4)), (Some("u"), None, None));
        let owned = Record::Owned { number: 1, problem: Some(Box::new(no_namespace())) };
        progress.add(owned.clone());
        progress.add(owned);
        assert_eq!(progress.unowned().collect::<Vec<_>>(), [2]);
        assert_eq!(progress.problems().count(), 1);
    }

    fn no_namespace() -> Problem {
        Problem::new(&NO_NAMESPACE, Severity::Error, "quota exceeded").in_namespace("till")
    }

    #[test]
    fn records_read_back_as_written() {
        let record = Record::Item { number: 3, outcome: Outcome::of(Action::Updated) };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(text, r#"{"step":"item","number":3,"outcome":{"action":"updated"}}"#);
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}
