//! How a restore ends: its files go up, then its resource says so.

use api::velero::v1::{Restore, RestorePhase};
use engine::journal::Progress;
use engine::problem::{Problem, errors, warnings};
use engine::restore::RestorePlan;
use engine::restore::files::ResourceList;
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
    pub(super) restore: &'a Restore,
    pub(super) log: &'a OperationLog,
}

impl Report<'_> {
    /// Everything of the plan is settled.
    pub(super) async fn finish(&self, plan: &RestorePlan, progress: &Progress) -> Result<()> {
        let problems: Vec<Problem> = plan.problems.iter().chain(progress.problems()).cloned().collect();
        self.files(&resource_list(plan, progress), &problems).await?;
        let phase = match errors(&problems) {
            0 => RestorePhase::Completed,
            _ => RestorePhase::PartiallyFailed,
        };
        self.end(phase, &problems, None).await
    }

    /// The restore cannot be made at all.
    pub(super) async fn fail(&self, problem: &Problem) -> Result<()> {
        let problems = std::slice::from_ref(problem);
        self.files(&ResourceList::default(), problems).await?;
        self.end(RestorePhase::Failed, problems, Some(&problem.message)).await
    }

    async fn files(&self, list: &ResourceList, problems: &[Problem]) -> Result<()> {
        let (store, name) = (self.operation.store.as_ref(), self.operation.name());
        problems.iter().for_each(|problem| self.log.problem(problem));
        self.log.info("restore completed");
        write_restore_file(store, name, RestoreFile::Results, &Results::of_restore(problems)).await?;
        write_restore_file(store, name, RestoreFile::ResourceList, &list.clone().finish()).await?;
        write_restore_file(store, name, RestoreFile::ItemOperations, &json!([])).await?;
        write_restore_file(store, name, RestoreFile::VolumeInfo, &json!([])).await?;
        store.put(&RestoreFile::Logs.key(name), self.log.packed()?, Put::Overwrite).await?;
        Ok(())
    }

    async fn end(&self, phase: RestorePhase, problems: &[Problem], reason: Option<&str>) -> Result<()> {
        let mut status = json!({
            "phase": phase.to_string(),
            "errors": errors(problems),
            "warnings": warnings(problems),
            "completionTimestamp": self.operation.now(),
        });
        if let Some(reason) = reason {
            status["failureReason"] = json!(reason);
        }
        self.operation.patch_status(status).await?;
        self.operation.deps.metrics.restore_ended(self.restore, phase);
        Ok(())
    }
}

/// What became of everything in the plan.
fn resource_list(plan: &RestorePlan, progress: &Progress) -> ResourceList {
    let mut list = ResourceList::of(plan);
    for (number, item) in (0u32..).zip(plan.items()) {
        if let Some(settled) = progress.items.get(&number) {
            let mut target = plan.target(item);
            target.name = settled.name.clone().unwrap_or(target.name);
            list.add(&plan.resource(item).kind_key(), &target, settled.outcome);
        }
    }
    for (name, created) in &progress.namespaces {
        if *created {
            list.add_namespace(name);
        }
    }
    list
}
