//! The dry run of a backup: everything is collected and planned as for a real one, and nothing is stored but the report.

use engine::backup::Planner;
use engine::preview::BackupPreview;
use engine::problem::{errors, warnings};
use store::backup_files::gzip_json;
use store::bucket::JournalFile;

use super::collect;
use crate::error::Result;
use crate::operation::spool::Spool;
use crate::operation::{Operation, dry_run as ending};

/// Plans a backup and reports what it would hold. A failure to go on is an error: then it is tried again.
pub async fn dry_run(operation: &Operation, planner: &Planner) -> Result<()> {
    let spool = Spool::create(&operation.scratch, &operation.uid)?;
    let collected = collect::collect(operation, None, &spool, planner).await?;
    let preview = match planner.plan(collected) {
        Ok(plan) => BackupPreview::of(plan),
        Err(problem) => return ending::fail(operation, &problem).await,
    };
    let report = gzip_json(&JournalFile::DryRun.key(&operation.uid), &preview)?;
    let found = (errors(&preview.problems), warnings(&preview.problems));
    ending::finish(operation, report.into(), found).await
}
