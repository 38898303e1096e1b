//! How a dry run ends: its report goes into the folder of its journal, then its resource says so. It has no log, no files
//! of a backup or restore, and no other trace.

use engine::journal::{Kind, Owner};
use engine::problem::Problem;
use serde_json::json;

use super::journal::Journal;
use super::{Operation, failed};
use crate::error::Result;

/// Keeps a report, packed as it is.
pub(super) async fn keep(operation: &Operation, report: Vec<u8>) -> Result<()> {
    let (journal, _) = Journal::open(operation).await?;
    journal.begin(&Owner { kind: Kind::DryRun, ..operation.journal_owner().await? }).await?;
    journal.keep_dry_run(report).await
}

/// Ends a dry run that found so many errors and warnings.
pub(super) async fn finish(operation: &Operation, report: Vec<u8>, found: (usize, usize)) -> Result<()> {
    keep(operation, report).await?;
    let (errors, warnings) = found;
    let status = json!({
        "phase": "Completed", "errors": errors, "warnings": warnings, "completionTimestamp": operation.now(),
    });
    operation.patch_status(status).await.map(drop)
}

/// Ends a dry run that could not be made.
pub(super) async fn fail(operation: &Operation, problem: &Problem) -> Result<()> {
    let status = failed(std::slice::from_ref(problem), None, &operation.now());
    operation.patch_status(status).await.map(drop)
}

/// Ends one that makes no sense with what is there, as the real one ends: trying again does not help.
pub(super) async fn refuse(operation: &Operation, problem: &Problem) -> Result<()> {
    let status = json!({
        "phase": "FailedValidation", "validationErrors": [problem.sentence()],
        "completionTimestamp": operation.now(),
    });
    operation.patch_status(status).await.map(drop)
}
