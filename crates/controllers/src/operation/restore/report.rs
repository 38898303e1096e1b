//! How a restore ends: its files go up, then its resource says so.

use api::velero::v1::RestorePhase;
use engine::files::ResourceList;
use engine::journal::Progress;
use engine::machine::restore::{Operations, after_run};
use engine::problem::{Problem, errors, warnings};
use engine::restore::RestorePlan;
use engine::restore::files::{self, resource_list};
use engine::results::Results;
use serde_json::json;
use store::Put;
use store::backup_files::write_restore_file;
use store::bucket::RestoreFile;

use crate::error::Result;
use crate::operation::Operation;
use crate::operation::log::OperationLog;

/// How a restore ends.
pub(super) struct Report<'a> {
    pub(super) operation: &'a Operation,
    pub(super) log: &'a OperationLog,
}

impl Report<'_> {
    /// Everything of the plan is settled.
    pub(super) async fn finish(&self, plan: &RestorePlan, progress: &Progress) -> Result<()> {
        let problems = files::problems(plan, progress);
        self.files(&resource_list(plan, progress), &problems).await?;
        let phase = after_run(errors(&problems), Operations::default());
        let counts = json!({ "phase": phase.to_string(), "errors": errors(&problems), "warnings": warnings(&problems) });
        self.operation.patch_status(counts).await.map(drop)
    }

    /// The restore cannot be made at all.
    pub(super) async fn fail(&self, problem: &Problem) -> Result<()> {
        self.files(&ResourceList::default(), std::slice::from_ref(problem)).await?;
        let status = json!({
            "phase": RestorePhase::Failed.to_string(),
            "failureReason": problem.message,
            "errors": 1,
            "completionTimestamp": self.operation.now(),
        });
        self.operation.patch_status(status).await.map(drop)
    }

    async fn files(&self, list: &ResourceList, problems: &[Problem]) -> Result<()> {
        let (store, name) = (self.operation.store.as_ref(), self.operation.name());
        problems.iter().for_each(|problem| self.log.problem(problem));
        self.log.info("restore completed");
        write_restore_file(store, name, RestoreFile::Results, &Results::of_restore(problems)).await?;
        write_restore_file(store, name, RestoreFile::ResourceList, list).await?;
        write_restore_file(store, name, RestoreFile::ItemOperations, &json!([])).await?;
        write_restore_file(store, name, RestoreFile::VolumeInfo, &json!([])).await?;
        store.put(&RestoreFile::Logs.key(name), self.log.packed()?, Put::Overwrite).await?;
        Ok(())
    }
}
