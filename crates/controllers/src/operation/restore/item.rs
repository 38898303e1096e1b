//! One object of a restore: read, transformed, created; and if its name is taken, what `engine` says then.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::clock::{Deadline, instant};
use cluster::port::{ObjectRef, Patch, WriteOptions};
use cluster::{Error as ClusterError, ErrorKind};
use engine::document::{name, uid};
use engine::journal::{Action, Outcome, Record};
use engine::problem::{Code, Problem, Severity};
use engine::restore::existing::{Change, still_there};
use engine::restore::owners::{addition, references};
use engine::restore::plan::PlannedItem;
use engine::restore::refused::{Hope, hope};
use engine::restore::{self, Existing, Transformed, existing, problems, status};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::work::{Later, Step, Work};
use crate::error::Result;
use crate::operation::patience::{blamed, persist};

/// Between two looks at an object that is going away.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often an object may change or come back while it is looked at.
const TURNS_MAX: usize = 5;
/// How often in a row others may be faster to write to an object whose status is brought back.
const STATUS_TRIES_MAX: usize = 5;

/// Brings an item to where it needs nothing more, or to where it is to be tried again later. Fails only if nothing can be
/// said of it: then the whole operation is tried again. `uids` has the owners that are there, by the UIDs that they had.
pub(super) async fn settle<'a>(
    work: Work<'a>,
    (number, planned): (u32, &'a PlannedItem),
    mut uids: BTreeMap<String, String>,
) -> Result<Step<'a>> {
    let archived = work.archived(planned)?;
    let (hope, outcome) = match restore::transform(archived.clone(), planned, work.plan) {
        Ok(Transformed { document: desired, problems }) => {
            work.look_up(planned, &mut uids).await?;
            let owners = references(&archived, &uids);
            let unowned =
                planned.owners.iter().any(|link| link.item.is_some() && !uids.contains_key(&link.uid));
            let item = Item { work, planned, archived, desired, owners, unowned };
            let (hope, mut outcome) = item.bring().await?;
            outcome.problems.splice(0..0, problems);
            (hope, outcome)
        }
        Err(problem) => (Hope::None, Outcome::with(Action::Failed, problem)),
    };
    Ok(match hope {
        Hope::None => Step::Done(vec![Record::Item { number, outcome }]),
        hope => Step::Later(Later { number, planned, hope, outcome }),
    })
}

/// An item on its way into the cluster.
struct Item<'a> {
    work: Work<'a>,
    planned: &'a PlannedItem,
    archived: Value,
    desired: Value,
    /// References to those of its owners that are there.
    owners: Vec<Value>,
    /// Whether others of them come later.
    unowned: bool,
}

/// What an attempt comes to.
enum Turn {
    /// Nothing more is to be done now.
    Ended(Hope, Outcome),
    /// The object of this UID has to go first, until then.
    Leaving(String, Deadline),
    /// It has changed or gone meanwhile.
    Again,
}

impl Turn {
    fn settled(outcome: Outcome) -> Self {
        Self::Ended(Hope::None, outcome)
    }
}

impl Item<'_> {
    fn at(&self) -> ObjectRef {
        let target = self.work.plan.target(self.planned);
        let resource = self.work.plan.resource(self.planned).clone();
        ObjectRef { resource, namespace: target.namespace, name: target.name }
    }

    async fn bring(&self) -> Result<(Hope, Outcome)> {
        for _ in 0..TURNS_MAX {
            match self.create().await? {
                Turn::Ended(hope, outcome) => return Ok((hope, outcome)),
                Turn::Leaving(uid, deadline) if self.has_gone(&uid, deadline).await? => {}
                Turn::Leaving(..) => break,
                Turn::Again => {}
            }
        }
        let problem = still_there(self.planned, self.work.plan);
        Ok((Hope::None, Outcome::with(Action::Failed, problem)))
    }

    async fn create(&self) -> Result<Turn> {
        let at = self.at();
        let cluster = &self.work.operation.deps.cluster;
        let owned = self.owned();
        let document = owned.as_ref().unwrap_or(&self.desired);
        match self.persist(|| cluster.create(&at, document, WriteOptions::default())).await {
            Ok(created) => self.created(&created).await.map(Turn::settled),
            Err(error) => self.refused(&self.blamed(error).await?).await,
        }
    }

    /// The document with the references to its owners, where it has some.
    fn owned(&self) -> Option<Value> {
        let mut document = Some(self.desired.clone()).filter(|_| !self.owners.is_empty())?;
        document["metadata"]["ownerReferences"] = json!(self.owners);
        Some(document)
    }

    /// A create was refused: an object of that name may be there.
    async fn refused(&self, error: &ClusterError) -> Result<Turn> {
        let taken = error.kind == ErrorKind::AlreadyExists;
        if taken || existing::port_taken(error.status.as_deref()) {
            let at = self.at();
            match self.persist(|| self.work.operation.deps.cluster.get(&at)).await {
                Ok(found) => return self.exists(&found).await,
                Err(missing) if missing.kind == ErrorKind::NotFound && taken => return Ok(Turn::Again),
                Err(missing) if missing.kind == ErrorKind::NotFound => {}
                // What was refused before says more than that it cannot be looked at.
                Err(other) => drop(self.blamed(other).await?),
            }
        }
        let hope = if taken { Hope::None } else { hope(&error.message, error.status.as_deref()) };
        let problem = self.problem(&problems::CREATE_REFUSED, Severity::Error, error);
        Ok(Turn::Ended(hope, Outcome::with(Action::Failed, problem)))
    }

    async fn exists(&self, found: &Value) -> Result<Turn> {
        let decision = restore::decide(found, &self.desired, self.planned, self.work.plan);
        let settled = Outcome { uid: uid(found).to_owned(), ..Outcome::of(decision.outcome()) };
        Ok(Turn::settled(match decision {
            Existing::Ours => self.created(found).await?,
            Existing::Equal => settled,
            Existing::Differs(problem) => Outcome { problems: vec![problem], ..settled },
            Existing::Patch(change) => Outcome { uid: settled.uid, ..self.change(change).await? },
            Existing::Leaving => return Ok(Turn::Leaving(settled.uid, self.work.leaving())),
            Existing::Recreate => return self.remove(found).await,
        }))
    }

    /// Deletes an object that is to be created again, if it still is what was seen.
    async fn remove(&self, found: &Value) -> Result<Turn> {
        let at = self.at();
        match self.persist(|| self.work.operation.deps.cluster.delete_seen(&at, found)).await {
            Ok(()) => Ok(Turn::Leaving(uid(found).to_owned(), self.work.leaving_now())),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Turn::Again),
            Err(error) if error.kind == ErrorKind::Conflict => Ok(Turn::Again),
            Err(error) => {
                let error = self.blamed(error).await?;
                let problem = self.problem(&problems::CREATE_REFUSED, Severity::Error, &error);
                let kept = Outcome { uid: uid(found).to_owned(), ..Outcome::with(Action::Failed, problem) };
                Ok(Turn::settled(kept))
            }
        }
    }

    /// Waits until the object of a UID has gone, or the time for that has passed.
    async fn has_gone(&self, leaving: &str, deadline: Deadline) -> Result<bool> {
        let at = self.at();
        loop {
            match self.persist(|| self.work.operation.deps.cluster.get(&at)).await {
                Ok(found) if uid(&found) != leaving => return Ok(true),
                Ok(_) if deadline.has_passed() => return Ok(false),
                Ok(_) => sleep(LOOK_EVERY).await,
                Err(error) if error.kind == ErrorKind::NotFound => return Ok(true),
                Err(error) => {
                    self.blamed(error).await?;
                    return Ok(false);
                }
            }
        }
    }

    /// Patches an object that is there, and where that is refused tries what is left to try.
    async fn change(&self, first: Change) -> Result<Outcome> {
        let mut change = first;
        let mut problems = Vec::new();
        loop {
            match self.patch(change.patch.clone()).await {
                Ok(_) if problems.is_empty() => {
                    let outcome = Outcome::of(change.outcome());
                    return Ok(Outcome { problems: change.problem.into_iter().collect(), ..outcome });
                }
                Ok(_) => return Ok(Outcome { problems, ..Outcome::of(Action::Failed) }),
                Err(error) => {
                    let error = self.blamed(error).await?;
                    let refused = change.refused(&error.to_string(), self.planned, self.work.plan);
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
        // It may be of a run before this one, when fewer of its owners were there.
        settled.unowned = self.unowned || addition(created, &self.owners).is_some();
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
        blamed(self.work.operation.deps.cluster.as_ref(), error).await
    }

    /// Writes the status beside the object as it is; its controller may be writing, too.
    async fn replace_status(&self, created: &Value) -> cluster::Result<Value> {
        let at = self.at();
        let cluster = &self.work.operation.deps.cluster;
        let mut seen = created.clone();
        for _ in 1..STATUS_TRIES_MAX {
            let document = status::document(&self.archived, &seen);
            match self.persist(|| cluster.replace_status(&at, &document)).await {
                Err(error) if error.kind == ErrorKind::Conflict => {
                    seen = self.persist(|| cluster.get(&at)).await?;
                }
                answer => return answer,
            }
        }
        let document = status::document(&self.archived, &seen);
        self.persist(|| cluster.replace_status(&at, &document)).await
    }

    async fn patch(&self, patch: Value) -> cluster::Result<Value> {
        let at = self.at();
        let patch = Patch::Merge(patch);
        let cluster = &self.work.operation.deps.cluster;
        self.persist(|| cluster.patch(&at, None, &patch, WriteOptions::default())).await
    }

    /// Makes a call until the server is able to answer it, or patience ends.
    async fn persist<T, F>(&self, call: impl Fn() -> F) -> cluster::Result<T>
    where
        F: Future<Output = cluster::Result<T>>,
    {
        let timed = || async {
            let start = instant();
            let answer = call().await;
            self.work.pace.answered(start.elapsed());
            answer
        };
        persist(|| self.work.pace.slow_down(), timed).await
    }

    fn problem(&self, code: &Code, severity: Severity, error: &ClusterError) -> Problem {
        let target = self.work.plan.target(self.planned);
        Problem::new(code, severity, format!("error restoring {target}: {error}")).about(&target)
    }
}
