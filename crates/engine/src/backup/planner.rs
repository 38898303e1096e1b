//! The planning of a backup as an executor goes through it: what to list, what to fetch besides, and then the plan.
//! An executor is given this and never the Backup: what its fields mean is nobody's business there.

use std::collections::BTreeMap;

use api::labels;
use api::meta::ObjectKey;
use api::velero::v1::Backup;

use super::check::{check, is_fatal};
use super::observed::NamespaceFacts;
use super::plan::{self, Absence, BackupPlan, Listed, Request};
use super::problems;
use super::select::{ListRequest, Options, Selection};
use crate::catalog::Catalog;
use crate::facts::Facts;
use crate::policy::{Policy, Sources};
use crate::problem::{Problem, Severity};

/// What a backup asks for, read once.
#[derive(Debug)]
pub struct Planner {
    request: Request,
    selection: Selection,
    found: Vec<Problem>,
    /// Why there can be no plan.
    refusal: Option<Problem>,
}

/// What was collected for a plan.
#[derive(Debug, Default)]
pub struct Collected {
    /// The facts of every object.
    pub facts: Vec<Facts>,
    /// Objects that something names and that did not come.
    pub absent: BTreeMap<ObjectKey, Absence>,
    /// The lists that they are from.
    pub listed: Vec<Listed>,
    /// What could not be listed.
    pub problems: Vec<Problem>,
}

impl Planner {
    /// What `backup` asks for in a cluster that has these types and namespaces.
    pub fn new(backup: &Backup, catalog: &Catalog, namespaces: &[NamespaceFacts]) -> Self {
        Self::following(backup, catalog, namespaces, (&Sources::default(), false))
    }

    /// The same, by resource policies; and whether every version of an object is stored. Policies that cannot be
    /// followed are told when the plan is made: nobody needs them who has one already.
    pub fn following(
        backup: &Backup,
        catalog: &Catalog,
        namespaces: &[NamespaceFacts],
        (policies, every_version): (&Sources, bool),
    ) -> Self {
        let (policy, refusal) = match policies.read() {
            Ok(policy) => (policy, None),
            Err(errors) => (Policy::default(), Some(refused(&errors))),
        };
        let annotations = backup.metadata.annotations.as_ref();
        let operators = annotations.and_then(|annotations| annotations.get(labels::OPERATORS));
        let operators_as_intents = operators.is_some_and(|value| value == "intents");
        let options = Options { every_version, operators_as_intents };
        let (selection, mut found) =
            Selection::following(&backup.spec, catalog, namespaces, (&policy, options));
        let note = |text: &String| Problem::new(&problems::POLICY_IN_VAIN, Severity::Warning, text);
        found.extend(policy.notes.iter().map(note));
        let request = Request { policies: policy.volumes, ..Request::of(backup) };
        Self { request, selection, found, refusal }
    }

    /// The same, in a cluster of which these groups did not say, for these reasons, what types they have: of those,
    /// nothing can be in the backup. Metrics are nothing that is kept.
    #[must_use]
    pub fn without(mut self, groups: &[(String, String)]) -> Self {
        self.found.extend(groups.iter().map(|(group, reason)| {
            let kept = !group.ends_with("metrics.k8s.io");
            let severity = if kept { Severity::Error } else { Severity::Warning };
            let message =
                format!("nothing of the API group {group} is in the backup: it did not answer ({reason})");
            Problem::new(&problems::GROUP_UNANSWERED, severity, message)
        }));
        self
    }

    /// The types of the cluster.
    pub fn catalog(&self) -> &Catalog {
        self.selection.catalog()
    }

    /// What to list.
    pub fn lists(&self) -> Vec<ListRequest> {
        if self.refusal.is_some() { Vec::new() } else { self.selection.lists() }
    }

    /// What to fetch besides: until there is nothing, fetch it, add its facts and ask again.
    pub fn missing(&self, facts: &[Facts], absent: &BTreeMap<ObjectKey, Absence>) -> Vec<ObjectKey> {
        plan::missing(&self.selection, facts, absent)
    }

    /// The plan over what was collected, or why it must not be run.
    pub fn plan(&self, collected: Collected) -> Result<BackupPlan, Problem> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let Collected { facts, absent, listed, problems: unlisted } = collected;
        let before = self.found.iter().cloned().chain(unlisted).collect();
        let plan = plan::plan(&self.request, &self.selection, facts, &absent, before);
        let plan = BackupPlan { listed, ..plan };
        let notes = check(&plan);
        if is_fatal(&notes) {
            let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
            return Err(Problem::new(&problems::BAD_PLAN, Severity::Error, notes.join("; ")));
        }
        Ok(plan)
    }
}

fn refused(errors: &[String]) -> Problem {
    Problem::new(&problems::BAD_POLICY, Severity::Error, errors.join("; "))
}

#[cfg(test)]
mod tests {
    use api::Kind;

    use super::*;
    use crate::policy::Source;

    #[test]
    fn a_group_that_does_not_answer_is_told() {
        let failed = |group: &str| (group.to_owned(), "service unavailable".to_owned());
        let planner = Planner::new(&Backup::new("velero", "b"), &Catalog::default(), &[])
            .without(&[failed("route.openshift.io"), failed("custom.metrics.k8s.io")]);
        let plan = planner.plan(Collected::default()).unwrap();
        let told: Vec<_> =
            plan.problems.iter().filter(|found| found.code == problems::GROUP_UNANSWERED.id).collect();
        assert_eq!(
            told.iter().map(|found| found.severity).collect::<Vec<_>>(),
            [Severity::Error, Severity::Warning]
        );
        assert!(told[0].message.contains("route.openshift.io"), "{}", told[0].message);
    }

    #[test]
    fn a_policy_that_has_gone_meanwhile_refuses_the_plan() {
        let gone = Source { name: "p".into(), document: None };
        let policies = Sources { own: Some(gone), global: None };
        let backup = Backup::new("velero", "b");
        let planner = Planner::following(&backup, &Catalog::default(), &[], (&policies, false));
        assert!(planner.lists().is_empty());
        let problem = planner.plan(Collected::default()).unwrap_err();
        assert_eq!(problem.code, problems::BAD_POLICY.id);
        assert!(problem.message.contains("resource policy p: there is no ConfigMap"), "{}", problem.message);
    }
}
