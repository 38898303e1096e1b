//! Namespaces that a restore needs: there, and not on their way out.

use std::time::Duration;

use api::meta::ResourceType;
use cluster::ErrorKind;
use cluster::clock::Deadline;
use cluster::port::{ObjectRef, WriteOptions};
use engine::document::{annotation, at};
use engine::journal::Record;
use engine::restore::namespaces::document;
use engine::restore::plan::PlannedNamespace;
use serde_json::Value;
use tokio::time::sleep;

use super::execute::Execution;
use crate::error::{Error, Result};

/// Between two looks at a namespace that is going away.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Makes sure of a namespace, and says whether this restore created it.
pub(super) async fn ensure(execution: &Execution<'_>, planned: &PlannedNamespace) -> Result<Record> {
    let deps = &execution.operation.deps;
    let at = address(&planned.name);
    let deadline = Deadline::after(deps.config.restore.terminating_timeout);
    loop {
        match deps.cluster.get(&at).await {
            Ok(found) if !is_terminating(&found) => return Ok(record(planned, &found, execution)),
            Ok(_) if deadline.has_passed() => {
                return Err(Error::Other(format!(
                    "timed out waiting for terminating namespace {}",
                    planned.name
                )));
            }
            Ok(_) => sleep(LOOK_EVERY).await,
            Err(error) if error.kind == ErrorKind::NotFound => {
                match deps.cluster.create(&at, &wanted(execution, planned)?, WriteOptions::default()).await {
                    Err(error) if error.kind != ErrorKind::AlreadyExists => return Err(error.into()),
                    // Read it again: then it says itself whose it is.
                    _ => {}
                }
            }
            Err(error) => return Err(error.into()),
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

fn record(planned: &PlannedNamespace, found: &Value, execution: &Execution<'_>) -> Record {
    let ours = annotation(found, api::labels::OPERATION_UID) == Some(&execution.operation.uid);
    Record::Namespace { name: planned.name.clone(), created: ours }
}

fn is_terminating(namespace: &Value) -> bool {
    !at(namespace, &["metadata", "deletionTimestamp"]).is_null()
}

fn address(name: &str) -> ObjectRef {
    let resource = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
    ObjectRef { resource, namespace: None, name: name.to_owned() }
}
