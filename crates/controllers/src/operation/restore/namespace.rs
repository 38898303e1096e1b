//! Namespaces that a restore needs: there, and not on their way out.

use std::time::Duration;

use api::meta::ResourceType;
use cluster::ErrorKind;
use cluster::clock::Deadline;
use cluster::port::{ObjectRef, Patch, WriteOptions};
use engine::document::{annotation, is_leaving};
use engine::journal::Record;
use engine::problem::{Problem, Severity};
use engine::restore::namespaces::{addition, document, not_updated};
use engine::restore::plan::PlannedNamespace;
use engine::restore::problems;
use serde_json::Value;
use tokio::time::sleep;

use super::work::{Step, Work};
use crate::error::{Error, Result};
use crate::operation::events::waits;
use crate::operation::patience::{PATIENCE, blamed, patiently};

/// Between two looks at a namespace that is going away.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Makes sure of a namespace, and says whether this restore created it, or why it cannot be had.
pub(super) async fn ensure<'w>(work: Work<'_>, planned: &PlannedNamespace) -> Result<Step<'w>> {
    let (found, record) = had(&work, planned).await?;
    let mut records = vec![record];
    if let Some(found) = found.filter(|found| !is_ours(found, &work)) {
        records.extend(add_to(&work, planned, &found).await?);
    }
    Ok(Step::Done(records))
}

/// Has a namespace: the one that is there, or a new one.
async fn had(work: &Work<'_>, planned: &PlannedNamespace) -> Result<(Option<Value>, Record)> {
    let deps = &work.operation.deps;
    let at = address(&planned.name);
    let deadline = Deadline::after(deps.config.restore.terminating_timeout);
    let webhooks = Deadline::after(PATIENCE);
    let mut told = false;
    loop {
        match patiently(|| deps.cluster.get(&at)).await {
            Ok(found) if !is_leaving(&found) => {
                let record = there(planned, &found, work);
                return Ok((Some(found), record));
            }
            Ok(_) if deadline.has_passed() => {
                return Ok((None, not_there(planned, "it is still being deleted")));
            }
            Ok(_) => {
                if !std::mem::replace(&mut told, true) {
                    waits(work.operation, &leaving(&planned.name)).await;
                }
                sleep(LOOK_EVERY).await;
            }
            Err(error) if error.kind == ErrorKind::NotFound => {
                let wanted = document(archived(work, planned)?.as_ref(), planned, work.plan);
                match patiently(|| deps.cluster.create(&at, &wanted, WriteOptions::default())).await {
                    // Read it again: then it says itself whose it is.
                    Ok(_) => {}
                    Err(error) if error.kind == ErrorKind::AlreadyExists => {}
                    // Its pods may be on their way: what depends on a whole namespace is worth the wait.
                    Err(error) if error.is_webhook_away() && !webhooks.has_passed() => {
                        sleep(LOOK_EVERY).await;
                    }
                    Err(error) => return Ok((None, refused(work, planned, error).await?)),
                }
            }
            Err(error) => return Ok((None, refused(work, planned, error).await?)),
        }
    }
}

/// Adds to a namespace that was there what it lacks, where the plan says so.
async fn add_to(work: &Work<'_>, planned: &PlannedNamespace, found: &Value) -> Result<Option<Record>> {
    let Some(archived) = archived(work, planned)? else { return Ok(None) };
    let Some(patch) = addition(&archived, found, work.plan).map(Patch::Merge) else { return Ok(None) };
    let cluster = &work.operation.deps.cluster;
    let at = address(&planned.name);
    match patiently(|| cluster.patch(&at, None, &patch, WriteOptions::default())).await {
        Ok(_) => Ok(Some(Record::NamespaceUpdated { name: planned.name.clone() })),
        Err(error) => {
            let error = blamed(cluster.as_ref(), error).await?;
            let problem = Box::new(not_updated(&planned.name, &error.to_string()));
            Ok(Some(Record::Note { problem }))
        }
    }
}

/// The namespace as it was archived, if it was.
fn archived(work: &Work<'_>, planned: &PlannedNamespace) -> Result<Option<Value>> {
    let Some(span) = planned.at else { return Ok(None) };
    let document = serde_json::from_slice(&work.spool.read(span)?);
    document.map(Some).map_err(|error| Error::Malformed {
        what: format!("namespace {}", planned.name),
        message: error.to_string(),
    })
}

fn there(planned: &PlannedNamespace, found: &Value, work: &Work<'_>) -> Record {
    Record::Namespace { name: planned.name.clone(), created: is_ours(found, work) }
}

/// Whether this restore created the namespace.
fn is_ours(found: &Value, work: &Work<'_>) -> bool {
    annotation(found, api::labels::OPERATION_UID) == Some(&work.operation.uid)
}

async fn refused(work: &Work<'_>, planned: &PlannedNamespace, error: cluster::Error) -> Result<Record> {
    let error = blamed(work.operation.deps.cluster.as_ref(), error).await?;
    Ok(not_there(planned, &error.to_string()))
}

fn not_there(planned: &PlannedNamespace, reason: &str) -> Record {
    let name = planned.name.clone();
    let message = format!("nothing of namespace {name} is restored, because it cannot be created: {reason}");
    let problem = Problem::new(&problems::NO_NAMESPACE, Severity::Error, message).in_namespace(&name);
    Record::NoNamespace { name, problem: Box::new(problem) }
}

fn leaving(name: &str) -> Problem {
    let message = format!("the restore waits for namespace {name}, which is being deleted");
    Problem::new(&problems::NAMESPACE_LEAVING, Severity::Warning, message).in_namespace(name)
}

fn address(name: &str) -> ObjectRef {
    let resource = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
    ObjectRef { resource, namespace: None, name: name.to_owned() }
}
