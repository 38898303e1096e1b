//! The planning of a backup as an executor goes through it: what to list, what to fetch besides, and then the plan.
//! An executor is given this and never the Backup: what its fields mean is nobody's business there.

use std::collections::BTreeSet;

use api::meta::ObjectKey;
use api::velero::v1::Backup;

use super::check::{check, is_fatal};
use super::observed::NamespaceFacts;
use super::plan::{self, BackupPlan, Request};
use super::problems;
use super::select::{ListRequest, Selection};
use crate::catalog::Catalog;
use crate::facts::Facts;
use crate::problem::{Problem, Severity};

/// What a backup asks for, read once.
#[derive(Debug)]
pub struct Planner {
    request: Request,
    selection: Selection,
    found: Vec<Problem>,
}

/// What was collected for a plan.
#[derive(Debug, Default)]
pub struct Collected {
    /// The facts of every object.
    pub facts: Vec<Facts>,
    /// Objects that something names and that are not there.
    pub absent: BTreeSet<ObjectKey>,
    /// What could not be listed.
    pub problems: Vec<Problem>,
}

impl Planner {
    /// What `backup` asks for in a cluster that has these types and namespaces.
    pub fn new(backup: &Backup, catalog: &Catalog, namespaces: &[NamespaceFacts]) -> Self {
        let (selection, found) = Selection::new(&backup.spec, catalog, namespaces);
        Self { request: Request::of(backup), selection, found }
    }

    /// The types of the cluster.
    pub fn catalog(&self) -> &Catalog {
        self.selection.catalog()
    }

    /// What to list.
    pub fn lists(&self) -> Vec<ListRequest> {
        self.selection.lists()
    }

    /// What to fetch besides: until there is nothing, fetch it, add its facts and ask again.
    pub fn missing(&self, facts: &[Facts], not_found: &BTreeSet<ObjectKey>) -> Vec<ObjectKey> {
        plan::missing(&self.selection, facts, not_found)
    }

    /// The plan over what was collected, or why it must not be run.
    pub fn plan(&self, collected: Collected) -> Result<BackupPlan, Problem> {
        let Collected { facts, absent, problems: unlisted } = collected;
        let before = self.found.iter().cloned().chain(unlisted).collect();
        let plan = plan::plan(&self.request, &self.selection, facts, &absent, before);
        let notes = check(&plan);
        if is_fatal(&notes) {
            let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
            return Err(Problem::new(&problems::BAD_PLAN, Severity::Error, notes.join("; ")));
        }
        Ok(plan)
    }
}
