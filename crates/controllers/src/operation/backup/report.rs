//! How a backup ends: side files, manifest and marker go up, then its resource says so.

use std::sync::Arc;

use api::labels;
use api::velero::v1::BackupPhase;
use engine::backup::report::{omissions, stored};
use engine::backup::{BackupPlan, problems};
use engine::document::{annotation, label, set_annotation, text, uid};
use engine::files::SideFiles;
use engine::hooks::{Counts, Steps};
use engine::machine::backup::{after_finalize, taken_over};
use engine::problem::{Problem, Severity, errors, warnings};
use engine::results::Results;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::Put;
use store::backup_files::{
    Commit, CommitError, Marker, backup_exists, gzip, gzip_json, held_by_another, read_backup_file,
    read_backup_list, rewrite_marker,
};
use store::bucket::BackupFile;
use tracing::warn;

use super::contents::Packed;
use crate::error::{Error, Result};
use crate::metrics::Metric;
use crate::operation::events::announce;
use crate::operation::log::OperationLog;
use crate::operation::{Operation, failed, hook_status};
use crate::report::report;

/// How a backup ends.
pub(super) struct Report<'a> {
    pub(super) operation: &'a Operation,
    pub(super) log: &'a OperationLog,
}

impl Report<'_> {
    /// Uploads all but the archive, which is up already, and gives the Backup as it was committed.
    pub(super) async fn commit(
        &self,
        mut commit: Commit<'_>,
        plan: &Arc<BackupPlan>,
        (packed, hooks): (&Packed, &Steps),
    ) -> Result<Value> {
        let left_out = packed.failed();
        left_out.values().for_each(|problem| self.log.problem(problem));
        let items = plan.items.iter().enumerate().filter(|(number, _)| !left_out.contains_key(number));
        let now = self.operation.deps.now();
        self.log.lines(items.map(|(_, item)| stored(plan, item, now)));
        let problems = plan.problems.iter().chain(hooks.problems()).chain(left_out.values());
        let problems: Vec<Problem> = problems.cloned().collect();
        let files = SideFiles::of(plan, |number| !left_out.contains_key(&number), &problems);
        let encoded = files.encode().map_err(|error| Error::Other(error.to_string()))?;
        for (suffix, content) in encoded {
            let name = format!("{}-{suffix}", self.operation.name());
            let file = BackupFile::from_name(self.operation.name(), &name)
                .ok_or_else(|| Error::Other(format!("{name} is not a file of a backup")))?;
            commit.bytes(file, gzip(&content)).await.map_err(commit_error)?;
        }
        self.log.info("the backup is complete");
        commit.bytes(BackupFile::Logs, self.log.packed()?).await.map_err(commit_error)?;
        let backup = self.as_committed(plan, (left_out.len(), hooks), &problems).await?;
        commit.finish(&backup).await.map_err(commit_error)?;
        announce(self.operation, &problems).await;
        Ok(backup)
    }

    /// The Backup with its final status.
    async fn as_committed(
        &self,
        plan: &BackupPlan,
        (left_out, hooks): (usize, &Steps),
        problems: &[Problem],
    ) -> Result<Value> {
        let phase = after_finalize(BackupPhase::Finalizing, errors(problems));
        let total = plan.items.len();
        let mut backup = self.operation.deps.cluster.get(&self.operation.at).await?;
        let status = json!({
            "phase": phase.to_string(),
            "errors": errors(problems),
            "warnings": warnings(problems),
            "completionTimestamp": self.operation.now(),
            "progress": { "totalItems": total, "itemsBackedUp": total - left_out },
            "hookStatus": hook_status(hooks),
        });
        set_status(&mut backup, &status);
        let omitted = omissions(plan);
        if !omitted.is_empty() {
            set_annotation(&mut backup, labels::LEFT_OUT, &json!(omitted).to_string());
        }
        Ok(backup)
    }

    /// The backup is committed: its resource says what the marker says.
    pub(super) async fn finish(&self, committed: &Value) -> Result<()> {
        let mut change = json!({ "status": committed["status"] });
        if let Some(omitted) = annotation(committed, labels::LEFT_OUT) {
            change["metadata"] = json!({ "annotations": { labels::LEFT_OUT: omitted } });
        }
        self.operation.patch(change).await?;
        self.count(committed);
        Ok(())
    }

    /// Tells the metrics how a backup has ended.
    fn count(&self, backup: &Value) {
        let metrics = &self.operation.deps.metrics;
        let schedule = [label(backup, labels::SCHEDULE_NAME).unwrap_or_default()];
        let number = |field: &str| backup["status"][field].as_f64().unwrap_or_default();
        let completed = backup["status"]["phase"] == BackupPhase::Completed.to_string();
        metrics
            .count(if completed { Metric::BackupSuccess } else { Metric::BackupPartialFailure }, &schedule);
        metrics.set(Metric::BackupLastStatus, &schedule, if completed { 1.0 } else { 0.0 });
        metrics.set(Metric::BackupItemErrors, &schedule, number("errors"));
        let items = backup["status"]["progress"]["totalItems"].as_f64().unwrap_or_default();
        metrics.set(Metric::BackupItems, &schedule, items);
        if number("warnings") > 0.0 {
            metrics.count(Metric::BackupWarning, &schedule);
        }
        let time =
            |field: &str| backup["status"][field].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        if let (Some(started), Some(ended)) = (time("startTimestamp"), time("completionTimestamp")) {
            metrics.observe(Metric::BackupDuration, &schedule, ended.duration_since(started).as_secs_f64());
        }
        if completed && let Some(ended) = time("completionTimestamp") {
            metrics.set(Metric::BackupLastSuccessful, &schedule, ended.as_second() as f64);
        }
    }

    /// There is a backup of this name in the location. It may be this one: then the server died before it could
    /// say so.
    pub(super) async fn is_there(&self, marker: Marker) -> Result<()> {
        if uid(&marker.backup) == self.operation.uid {
            return self.finish(&self.ended(marker).await?).await;
        }
        self.fail(&[taken("backup already exists in object storage")], &Steps::default()).await
    }

    /// The Backup of this marker, with the phase that it ends with. Velero writes markers before its last steps, too:
    /// such a one is brought to its end.
    async fn ended(&self, Marker { mut backup, tag }: Marker) -> Result<Value> {
        let (store, name) = (self.operation.store.as_ref(), self.operation.name());
        let phase = text(&backup, &["status", "phase"]).parse().unwrap_or_default();
        if BackupPhase::is_terminal(phase) {
            return Ok(backup);
        }
        let operations = read_backup_list::<Value>(store, name, BackupFile::ItemOperations).await?;
        let (phase, problem) = taken_over(phase, operations.len());
        if let Some(problem) = &problem {
            report(&self.operation.deps, &backup, "TakenOver", problem).await;
            let found = read_backup_file::<Results>(store, name, BackupFile::Results).await?;
            let mut results = found.unwrap_or_default();
            results.errors.velero.extend(Results::of_backup(std::slice::from_ref(problem)).errors.velero);
            let key = BackupFile::Results.key(name);
            store.put(&key, gzip_json(&key, &results)?, Put::Overwrite).await?;
        }
        let errors = backup["status"]["errors"].as_u64().unwrap_or_default() + u64::from(problem.is_some());
        let ended = json!({ "phase": phase.to_string(), "errors": errors, "completionTimestamp": self.operation.now() });
        set_status(&mut backup, &ended);
        rewrite_marker(store, name, &backup, tag).await?;
        Ok(backup)
    }

    /// The backup cannot be made, for the last of these problems. What is known of it goes into the location first,
    /// where that can be reached: it ends in any case.
    pub(super) async fn fail(&self, problems: &[Problem], hooks: &Steps) -> Result<()> {
        let unreported = self.leave_report(problems).await.err();
        if let Some(error) = &unreported {
            warn!(backup = self.operation.name(), "failed to {error}; it ends without log and results");
        }
        announce(self.operation, problems).await;
        let mut status = failed(problems, unreported.as_ref(), &self.operation.now());
        if hooks.counts() != Counts::default() {
            status["hookStatus"] = hook_status(hooks);
        }
        self.operation.patch_status(status).await?;
        self.operation.deps.metrics.count(Metric::BackupFailure, &[self.operation.schedule.as_str()]);
        Ok(())
    }

    /// Uploads log and results, and no more. Velero uploads the marker of a failed backup, too, and whatever it has of
    /// the archive; ours is no backup to any reader. The folder of another backup of the name stays as it is.
    async fn leave_report(&self, problems: &[Problem]) -> Result<()> {
        let (store, name) = (self.operation.store.as_ref(), self.operation.name());
        if backup_exists(store, name).await? || held_by_another(store, name, &self.operation.uid).await? {
            return Ok(());
        }
        problems.last().into_iter().for_each(|problem| self.log.problem(problem));
        let results = BackupFile::Results.key(name);
        let content = gzip_json(&results, &Results::of_backup(problems))?;
        store.put(&results, content, Put::Overwrite).await?;
        store.put(&BackupFile::Logs.key(name), self.log.packed()?, Put::Overwrite).await?;
        Ok(())
    }
}

fn set_status(backup: &mut Value, status: &Value) {
    for (field, value) in status.as_object().into_iter().flatten() {
        backup["status"][field] = value.clone();
    }
}

fn taken(how: &str) -> Problem {
    Problem::new(&problems::NAME_TAKEN, Severity::Error, how)
}

/// A commit that lost against another backup of the name cannot be repeated; any other can.
pub(super) fn commit_error(error: CommitError) -> Error {
    match error {
        CommitError::AlreadyExists { .. } => {
            Error::Refused(Box::new(taken("backup already exists in object storage")))
        }
        CommitError::Claimed { .. } => {
            Error::Refused(Box::new(taken("another server is making a backup of this name in the location")))
        }
        error => Error::Commit(error),
    }
}
