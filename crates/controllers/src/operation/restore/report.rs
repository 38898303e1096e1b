//! How a restore ends: its files go up, then its resource says so. Where the location may not be written to, its files
//! are kept in the cluster, and downloads find them there.

use api::velero::v1::RestorePhase;
use bytes::Bytes;
use engine::files::ResourceList;
use engine::journal::Progress;
use engine::machine::restore::{Operations, after_run};
use engine::problem::{Problem, errors, warnings};
use engine::restore::RestorePlan;
use engine::restore::files::{self, resource_list};
use engine::restore::log;
use engine::results::Results;
use serde::Serialize;
use serde_json::json;
use store::backup_files::{Seen, gzip_json};
use store::bucket::{RestoreFile, restore_folder};
use tracing::warn;

use crate::error::Result;
use crate::metrics::Metric;
use crate::operation::configmaps::ConfigMaps;
use crate::operation::events::announce;
use crate::operation::log::OperationLog;
use crate::operation::{Operation, failed, hook_status};

/// How a restore ends.
pub(super) struct Report<'a> {
    pub(super) operation: &'a Operation,
    pub(super) log: &'a OperationLog,
}

impl Report<'_> {
    /// Everything of the plan is settled.
    pub(super) async fn finish(&self, plan: &RestorePlan, progress: &Progress) -> Result<()> {
        let problems = files::problems(plan, progress);
        self.log.lines(log::lines(plan, progress, self.operation.deps.now()));
        problems.iter().for_each(|problem| self.log.problem(problem));
        self.log.info("restore completed");
        self.files(&resource_list(plan, progress), &problems).await?;
        announce(self.operation, &problems).await;
        let phase = after_run(errors(&problems), Operations::default());
        let counts = json!({
            "phase": phase.to_string(),
            "errors": errors(&problems),
            "warnings": warnings(&problems),
            "hookStatus": hook_status(&progress.hooks),
        });
        self.operation.patch_status(counts).await.map(drop)
    }

    /// The restore cannot be made, or not be ended; `done` is what it did. It ends in any case, also where its files
    /// cannot be written.
    pub(super) async fn fail(
        &self,
        done: Option<(&RestorePlan, &Progress)>,
        problem: &Problem,
    ) -> Result<()> {
        let (list, mut problems) = match done {
            Some((plan, progress)) => (resource_list(plan, progress), files::problems(plan, progress)),
            None => Default::default(),
        };
        if let Some((plan, progress)) = done {
            self.log.lines(log::lines(plan, progress, self.operation.deps.now()));
        }
        problems.push(problem.clone());
        problems.iter().for_each(|problem| self.log.problem(problem));
        let unreported = self.files(&list, &problems).await.err();
        announce(self.operation, &problems).await;
        if let Some(error) = &unreported {
            warn!(restore = self.operation.name(), "failed to {error}; it ends without log and results");
        }
        self.operation.patch_status(failed(&problems, unreported.as_ref(), &self.operation.now())).await?;
        self.operation.deps.metrics.count(Metric::RestoreFailure, &[self.operation.schedule.as_str()]);
        Ok(())
    }

    /// The restore makes no sense with what its backup has: nothing was done, and it says why.
    pub(super) async fn refuse(&self, problem: &Problem) -> Result<()> {
        let phase = RestorePhase::FailedValidation.to_string();
        let status = json!({ "phase": phase, "validationErrors": [problem.sentence()] });
        self.operation.patch_status(status).await?;
        self.operation
            .deps
            .metrics
            .count(Metric::RestoreValidationFailure, &[self.operation.schedule.as_str()]);
        Ok(())
    }

    async fn files(&self, list: &ResourceList, problems: &[Problem]) -> Result<()> {
        let name = self.operation.name();
        let files = [
            packed(name, RestoreFile::Results, &Results::of_restore(problems))?,
            packed(name, RestoreFile::ResourceList, list)?,
            packed(name, RestoreFile::ItemOperations, &json!([]))?,
            packed(name, RestoreFile::VolumeInfo, &json!([]))?,
            (RestoreFile::Logs, self.log.packed()?),
        ];
        match self.operation.read_only {
            false => self.upload(files).await,
            true => self.keep(files).await,
        }
    }

    async fn upload(&self, files: [(RestoreFile, Bytes); 5]) -> Result<()> {
        let (store, name) = (self.operation.store.as_ref(), self.operation.name());
        let mut seen = Seen::below(store, &restore_folder(name)).await?;
        for (file, content) in files {
            seen.put(store, &file.key(name), content).await?;
        }
        Ok(())
    }

    async fn keep(&self, files: [(RestoreFile, Bytes); 5]) -> Result<()> {
        let Operation { deps, uid, .. } = self.operation;
        let mut maps = ConfigMaps::open(deps, uid, self.operation.owner()).await?;
        for (file, content) in files {
            maps.put(deps, &file.name(self.operation.name()), content).await?;
        }
        Ok(())
    }
}

fn packed(restore: &str, file: RestoreFile, content: &impl Serialize) -> Result<(RestoreFile, Bytes)> {
    Ok((file, gzip_json(&file.key(restore), content)?))
}
