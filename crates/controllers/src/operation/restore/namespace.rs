//! Namespaces that a restore needs: there, and not on their way out.

use std::time::Duration;

use api::meta::ResourceType;
use cluster::ErrorKind;
use cluster::clock::Deadline;
use cluster::port::{ObjectRef, WriteOptions};
use engine::document::{annotation, at};
use engine::journal::Record;
use engine::problem::{Problem, Severity};
use engine::restore::namespaces::document;
use engine::restore::plan::PlannedNamespace;
use engine::restore::problems;
use serde_json::Value;
use tokio::time::sleep;

use super::execute::Execution;
use crate::error::{Error, Result};
use crate::operation::patience::{PATIENCE, blamed, patiently};

/// Between two looks at a namespace that is going away.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Makes sure of a namespace, and says whether this restore created it, or why it cannot be had.
pub(super) async fn ensure(execution: &Execution<'_>, planned: &PlannedNamespace) -> Result<Record> {
    let deps = &execution.operation.deps;
    let at = address(&planned.name);
    let deadline = Deadline::after(deps.config.restore.terminating_timeout);
    let webhooks = Deadline::after(PATIENCE);
    loop {
        match patiently(|| deps.cluster.get(&at)).await {
            Ok(found) if !is_terminating(&found) => return Ok(there(planned, &found, execution)),
            Ok(_) if deadline.has_passed() => return Ok(not_there(planned, "it is still being deleted")),
            Ok(_) => sleep(LOOK_EVERY).await,
            Err(error) if error.kind == ErrorKind::NotFound => {
                let wanted = wanted(execution, planned)?;
                match patiently(|| deps.cluster.create(&at, &wanted, WriteOptions::default())).await {
                    // Read it again: then it says itself whose it is.
                    Ok(_) => {}
                    Err(error) if error.kind == ErrorKind::AlreadyExists => {}
                    // Its pods may be on their way: what depends on a whole namespace is worth the wait.
                    Err(error) if error.is_webhook_away() && !webhooks.has_passed() => {
                        sleep(LOOK_EVERY).await;
                    }
                    Err(error) => return refused(execution, planned, error).await,
                }
            }
            Err(error) => return refused(execution, planned, error).await,
        }
    }
}

fn wanted(execution: &Execution<'_>, planned: &PlannedNamespace) -> Result<Value> {
    let archived = match planned.at {
        Some(span) => {
            Some(serde_json::from_slice::<Value>(&execution.spool.read(span)?).map_err(|error| {
                Error::Malformed { what: format!("namespace {}", planned.name), message: error.to_string() }
            })?)
        }
        None => None,
    };
    Ok(document(archived.as_ref(), planned, execution.plan))
}

fn there(planned: &PlannedNamespace, found: &Value, execution: &Execution<'_>) -> Record {
    let ours = annotation(found, api::labels::OPERATION_UID) == Some(&execution.operation.uid);
    Record::Namespace { name: planned.name.clone(), created: ours }
}

async fn refused(
    execution: &Execution<'_>,
    planned: &PlannedNamespace,
    error: cluster::Error,
) -> Result<Record> {
    let error = blamed(execution.operation.deps.cluster.as_ref(), error).await?;
    Ok(not_there(planned, &error.to_string()))
}

fn not_there(planned: &PlannedNamespace, reason: &str) -> Record {
    let name = planned.name.clone();
    let message = format!("nothing of namespace {name} is restored, because it cannot be created: {reason}");
    let problem = Problem::new(&problems::NO_NAMESPACE, Severity::Error, message).in_namespace(&name);
    Record::NoNamespace { name, problem: Box::new(problem) }
}

fn is_terminating(namespace: &Value) -> bool {
    !at(namespace, &["metadata", "deletionTimestamp"]).is_null()
}

fn address(name: &str) -> ObjectRef {
    let resource = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
    ObjectRef { resource, namespace: None, name: name.to_owned() }
}
