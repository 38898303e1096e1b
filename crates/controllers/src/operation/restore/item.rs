//! One object of a restore: read, transformed, created; and if its name is taken, what `engine` says then.

use std::sync::Arc;

use cluster::clock::instant;
use cluster::port::{ObjectRef, Patch, WriteOptions};
use cluster::{Error as ClusterError, ErrorKind};
use engine::document::{name, uid};
use engine::journal::{Action, Outcome};
use engine::problem::{Code, Problem, Severity};
use engine::restore::existing::Change;
use engine::restore::plan::PlannedItem;
use engine::restore::{self, Existing, RestorePlan, Transformed, existing, problems, status};
use serde_json::Value;

use super::pace::Pace;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::operation::patience::{blamed, persist};
use crate::operation::spool::Spool;

/// Brings an item to where it needs nothing more. Fails only if nothing can be said of it: then the whole
/// operation is tried again.
pub(super) async fn settle(
    (operation, plan): (&Operation, &RestorePlan),
    spool: &Arc<Spool>,
    pace: &Pace,
    (number, planned): (u32, &PlannedItem),
) -> Result<(u32, Outcome)> {
    let archived: Value = serde_json::from_slice(&spool.read(planned.at)?).map_err(|error| {
        Error::Malformed { what: plan.source(planned).to_string(), message: error.to_string() }
    })?;
    let settled = match restore::transform(archived.clone(), planned, plan) {
        Ok(Transformed { document: desired, problems }) => {
            let mut settled = Item { operation, plan, planned, pace, archived, desired }.create().await?;
            settled.problems.splice(0..0, problems);
            settled
        }
        Err(problem) => Outcome::with(Action::Failed, problem),
    };
    Ok((number, settled))
}

/// An item on its way into the cluster.
struct Item<'a> {
    operation: &'a Operation,
    plan: &'a RestorePlan,
    planned: &'a PlannedItem,
    pace: &'a Pace,
    archived: Value,
    desired: Value,
}

impl Item<'_> {
    fn at(&self) -> ObjectRef {
        let target = self.plan.target(self.planned);
        let resource = self.plan.resource(self.planned).clone();
        ObjectRef { resource, namespace: target.namespace, name: target.name }
    }

    async fn create(&self) -> Result<Outcome> {
        let at = self.at();
        let cluster = &self.operation.deps.cluster;
        match self.persist(|| cluster.create(&at, &self.desired, WriteOptions::default())).await {
            Ok(created) => self.created(&created).await,
            Err(error) => self.refused(&self.blamed(error).await?).await,
        }
    }

    /// A create was refused: an object of that name may be there.
    async fn refused(&self, error: &ClusterError) -> Result<Outcome> {
        if error.kind == ErrorKind::AlreadyExists || existing::port_taken(error.status.as_deref()) {
            let at = self.at();
            match self.persist(|| self.operation.deps.cluster.get(&at)).await {
                Ok(found) => return self.exists(&found).await,
                Err(missing) if missing.kind == ErrorKind::NotFound => {}
                // What was refused before says more than that it cannot be looked at.
                Err(other) => drop(self.blamed(other).await?),
            }
        }
        Ok(Outcome::with(Action::Failed, self.problem(&problems::CREATE_REFUSED, Severity::Error, error)))
    }

    async fn exists(&self, found: &Value) -> Result<Outcome> {
        let decision = restore::decide(found, &self.desired, self.planned, self.plan);
        let action = decision.outcome();
        match decision {
            Existing::Ours => self.created(found).await,
            Existing::Equal => Ok(Outcome::of(action)),
            Existing::Differs(problem) => Ok(Outcome::with(action, problem)),
            Existing::Patch(change) => self.change(change).await,
        }
    }

    /// Patches an object that is there, and where that is refused tries what is left to try.
    async fn change(&self, first: Change) -> Result<Outcome> {
        let mut change = first;
        let mut problems = Vec::new();
        loop {
            match self.patch(change.patch.clone()).await {
                Ok(_) if problems.is_empty() => return Ok(Outcome::of(change.outcome())),
                Ok(_) => return Ok(Outcome { problems, ..Outcome::of(Action::Failed) }),
                Err(error) => {
                    let error = self.blamed(error).await?;
                    let refused = change.refused(&error.to_string(), self.planned, self.plan);
                    problems.push(refused.problem);
                    match refused.instead {
                        Some(instead) => change = instead,
                        None => return Ok(Outcome { problems, ..Outcome::of(Action::Failed) }),
                    }
                }
            }
        }
    }

    /// The object is there, by our hand: brings back what the server drops on create.
    async fn created(&self, created: &Value) -> Result<Outcome> {
        let mut settled = Outcome { uid: uid(created).to_owned(), ..Outcome::of(Action::Created) };
        settled.name = Some(name(created).to_owned()).filter(|name| *name != self.planned.name);
        if self.planned.status
            && let Some(refused) = self.judgement(self.replace_status(created).await).await?
        {
            settled.problems.push(self.problem(&problems::STATUS_NOT_RESTORED, Severity::Warning, &refused));
        }
        if self.planned.managed_fields
            && let Some(patch) = status::managed_fields(&self.archived)
            && let Some(refused) = self.judgement(self.patch(patch).await).await?
            && refused.kind != ErrorKind::NotFound
        {
            settled.problems.push(self.problem(&problems::OWNERS_NOT_RESTORED, Severity::Warning, &refused));
        }
        Ok(settled)
    }

    /// What the server has against a write.
    async fn judgement<T>(&self, answer: cluster::Result<T>) -> Result<Option<ClusterError>> {
        match answer {
            Ok(_) => Ok(None),
            Err(error) => self.blamed(error).await.map(Some),
        }
    }

    async fn blamed(&self, error: ClusterError) -> Result<ClusterError> {
        blamed(self.operation.deps.cluster.as_ref(), error).await
    }

    async fn replace_status(&self, created: &Value) -> cluster::Result<Value> {
        let at = self.at();
        let document = status::document(&self.archived, created);
        self.persist(|| self.operation.deps.cluster.replace_status(&at, &document)).await
    }

    async fn patch(&self, patch: Value) -> cluster::Result<Value> {
        let at = self.at();
        let patch = Patch::Merge(patch);
        self.persist(|| self.operation.deps.cluster.patch(&at, None, &patch, WriteOptions::default())).await
    }

    /// Makes a call until the server is able to answer it, or patience ends.
    async fn persist<T, F>(&self, call: impl Fn() -> F) -> cluster::Result<T>
    where
        F: Future<Output = cluster::Result<T>>,
    {
        let timed = || async {
            let start = instant();
            let answer = call().await;
            self.pace.answered(start.elapsed());
            answer
        };
        persist(|| self.pace.slow_down(), timed).await
    }

    fn problem(&self, code: &Code, severity: Severity, error: &ClusterError) -> Problem {
        let target = self.plan.target(self.planned);
        Problem::new(code, severity, format!("error restoring {target}: {error}")).about(&target)
    }
}
