//! One object of a restore: read, transformed, created; and if its name is taken, what the plan says then.

use std::sync::Arc;
use std::time::Duration;

use api::labels::OPERATION_UID;
use cluster::port::{ObjectRef, Patch, WriteOptions};
use cluster::{Error as ClusterError, ErrorKind};
use engine::journal::Outcome;
use engine::problem::{Problem, Severity};
use engine::restore::plan::PlannedItem;
use engine::restore::{self, Existing, RestorePlan, problems};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::pace::Pace;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::operation::spool::Spool;

/// How long a create is tried while the server is not able to answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two tries when the server does not say how long to wait.
const PAUSE: Duration = Duration::from_millis(500);

/// Brings an item to where it needs nothing more. Fails only if nothing can be said of it: then the whole
/// operation is tried again.
pub(super) async fn settle(
    operation: &Operation,
    plan: &RestorePlan,
    spool: &Arc<Spool>,
    pace: &Pace,
    number: u32,
    planned: &PlannedItem,
) -> Result<(u32, Outcome)> {
    let item = Item { operation, plan, planned, pace };
    let document = serde_json::from_slice(&spool.read(planned.at)?).map_err(|error| Error::Malformed {
        what: plan.source(planned).to_string(),
        message: error.to_string(),
    })?;
    let outcome = match restore::transform(document, planned, plan) {
        Ok(desired) => item.create(&desired).await?,
        Err(problem) => Outcome::with(restore::Outcome::Failed, problem),
    };
    Ok((number, outcome))
}

struct Item<'a> {
    operation: &'a Operation,
    plan: &'a RestorePlan,
    planned: &'a PlannedItem,
    pace: &'a Pace,
}

impl Item<'_> {
    fn at(&self) -> ObjectRef {
        let target = self.plan.target(self.planned);
        ObjectRef {
            resource: self.plan.resource(self.planned).clone(),
            namespace: target.namespace,
            name: target.name,
        }
    }

    async fn create(&self, desired: &Value) -> Result<Outcome> {
        let at = self.at();
        let answer = self.persist(|| self.operation.deps.cluster.create(&at, desired, WriteOptions::default())).await;
        match answer {
            Ok(created) => self.created(&created, desired).await,
            Err(error) if error.is_transient() => Err(error.into()),
            Err(error) => self.refused(error, desired).await,
        }
    }

    /// A create was refused: an object of that name may be there.
    async fn refused(&self, error: ClusterError, desired: &Value) -> Result<Outcome> {
        let taken = error.kind == ErrorKind::AlreadyExists || restore::existing::port_taken(error.status.as_deref());
        if taken {
            let at = self.at();
            match self.persist(|| self.operation.deps.cluster.get(&at)).await {
                Ok(found) => return self.exists(&found, desired).await,
                Err(missing) if missing.kind == ErrorKind::NotFound => {}
                Err(other) => return Err(other.into()),
            }
        }
        Ok(self.failed(&problems::CREATE_REFUSED, &error.message))
    }

    async fn exists(&self, found: &Value, desired: &Value) -> Result<Outcome> {
        let decision = restore::decide(found, desired, self.planned, self.plan);
        match decision {
            Existing::Ours => self.created(found, desired).await,
            Existing::Equal => Ok(Outcome::of(restore::Outcome::Skipped)),
            Existing::Differs(problem) => Ok(Outcome::with(restore::Outcome::Skipped, problem)),
            Existing::Patch(change) => {
                let at = self.at();
                let patch = Patch::Merge(change.patch.clone());
                let patched = self
                    .persist(|| self.operation.deps.cluster.patch(&at, None, &patch, WriteOptions::default()))
                    .await;
                self.patched(patched, change).await
            }
        }
    }
}
