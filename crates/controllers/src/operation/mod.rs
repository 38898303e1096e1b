//! Backups and restores as operations: each reads its journal, goes on where the journal ends, and can be killed
//! after any line.
//!
//! What is decided, `engine` decides: these modules list, spool, create, upload and report, and hold no policy.

pub mod attempts;
pub mod backup;
pub(crate) mod configmaps;
mod context;
mod dry_run;
mod events;
mod fetch;
mod hooks;
pub(crate) mod journal;
mod log;
mod patience;
pub mod restore;
mod spool;
#[cfg(test)]
mod tests;

use engine::hooks::{Counts, Steps};
use engine::problem::{Problem, errors, warnings};
use serde_json::{Value, json};

pub use context::{Operation, Place};

use crate::error::{Error, Result};

/// Progress is told as well as can be: a server that is busy keeps nobody from work.
fn still_wanted(told: Result<Value>) -> Result<()> {
    match told {
        Err(Error::Cluster(error)) if error.is_transient() => Ok(()),
        told => told.map(drop),
    }
}

/// How many hooks there were, as statuses have it.
fn hook_status(steps: &Steps) -> Value {
    let Counts { attempted, failed } = steps.counts();
    json!({ "hooksAttempted": attempted, "hooksFailed": failed })
}

/// The status of an operation that ends as `Failed`, for the last of its problems. `unreported` is why its log and
/// results are not kept.
pub(crate) fn failed(problems: &[Problem], unreported: Option<&Error>, now: &str) -> Value {
    let mut reason = problems.last().map(Problem::sentence).unwrap_or_default();
    if let Some(error) = unreported {
        reason = format!("{reason}; its log and results are not stored: failed to {error}");
    }
    json!({
        "phase": "Failed",
        "failureReason": reason,
        "errors": errors(problems),
        "warnings": warnings(problems),
        "completionTimestamp": now,
    })
}
