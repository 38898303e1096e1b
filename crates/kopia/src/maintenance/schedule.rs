//! `kopia.maintenance`: when what is due, and how it went the last times, sealed with a key of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Mode, Parameters, Safety};
use crate::encryption::{aes_key, append_sealed, open_with};
use crate::{Error, ErrorKind, Repository, Result, Time};

/// The name of the blob.
pub(super) const BLOB: &str = "kopia.maintenance";
/// What it is authenticated with.
const AAD: &[u8] = b"maintenance";
/// The most bytes of it.
const LENGTH_MAX: usize = 16 << 20;
/// How many runs of a task are on record.
const RUNS_MAX: usize = 50;

/// A part of maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    SnapshotGc,
    FullRewriteContents,
    FullDropDeletedContent,
    FullDeleteBlobs,
    ExtendBlobRetentionTime,
    CleanupLogs,
    AdvanceEpoch,
    CompactSingleEpoch,
    GenerateEpochRangeIndex,
    CleanupEpochMarkers,
    DeleteSupersededEpochIndexes,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::SnapshotGc => "snapshot-gc",
            Self::FullRewriteContents => "full-rewrite-contents",
            Self::FullDropDeletedContent => "full-drop-deleted-content",
            Self::FullDeleteBlobs => "full-delete-blobs",
            Self::ExtendBlobRetentionTime => "extend-blob-retention-time",
            Self::CleanupLogs => "cleanup-logs",
            Self::AdvanceEpoch => "advance-epoch",
            Self::CompactSingleEpoch => "compact-single-epoch",
            Self::GenerateEpochRangeIndex => "generate-epoch-range-index",
            Self::CleanupEpochMarkers => "cleanup-epoch-markers",
            Self::DeleteSupersededEpochIndexes => "delete-superseded-epoch-indexes",
        }
    }
}

/// Tasks of quick maintenance, which kopia does in old repositories, and which count as the same.
const QUICK_REWRITE: &str = "quick-rewrite-contents";
const QUICK_DELETE: &str = "quick-delete-blobs";

/// How a task went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RunInfo {
    start: Time,
    end: Time,
    #[serde(default, skip_serializing_if = "is_false")]
    success: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    error: String,
    /// What kopia tells besides.
    #[serde(flatten)]
    other: serde_json::Map<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// When what is due, and how it went, the latest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    #[serde(rename = "nextFullMaintenance", default)]
    next_full: Time,
    #[serde(rename = "nextQuickMaintenance", default)]
    next_quick: Time,
    #[serde(default)]
    runs: Option<BTreeMap<String, Vec<RunInfo>>>,
    #[serde(flatten)]
    other: serde_json::Map<String, Value>,
}

impl Schedule {
    pub(crate) fn load(repository: &Repository) -> Result<Self> {
        let sealed = match repository.storage().get(BLOB, LENGTH_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            sealed => sealed?,
        };
        let key = repository.format().maintenance_key()?;
        let corrupt = || Error::corrupt(BLOB, "is damaged, or of another repository");
        let json = open_with(&aes_key(&key)?, AAD, sealed).ok_or_else(corrupt)?;
        Self::parse(&json)
    }

    /// Reads it, opened.
    pub(crate) fn parse(json: &[u8]) -> Result<Self> {
        serde_json::from_slice(json).map_err(|error| Error::corrupt(BLOB, error.to_string()))
    }

    /// Stores it.
    pub(super) fn save(&self, repository: &Repository) -> Result<()> {
        let json = serde_json::to_vec(self).map_err(|error| Error::invalid(BLOB, error.to_string()))?;
        let key = repository.format().maintenance_key()?;
        let mut sealed = Vec::new();
        append_sealed(&aes_key(&key)?, repository.random(), AAD, &json, &mut sealed)?;
        repository.storage().put(BLOB, &sealed, None)
    }

    /// What is to be done now, if anything.
    pub(super) fn due(&self, mode: Mode, parameters: &Parameters, now: Time) -> Option<Mode> {
        match mode {
            Mode::Auto if parameters.full.enabled && now >= self.next_full => Some(Mode::Full),
            Mode::Auto if parameters.quick.enabled && now >= self.next_quick => Some(Mode::Quick),
            Mode::Auto => None,
            mode => Some(mode),
        }
    }

    /// Sets when it is due again.
    pub(super) fn begin(&mut self, mode: Mode, parameters: &Parameters, now: Time) {
        self.next_quick = now.plus(parameters.quick.interval);
        if mode == Mode::Full {
            self.next_full = now.plus(parameters.full.interval);
        }
    }

    /// Puts on record how a task went.
    pub(super) fn note(&mut self, task: Task, start: Time, end: Time, error: Option<String>) {
        let runs = self.runs.get_or_insert_default().entry(task.name().to_owned()).or_default();
        let success = error.is_none();
        let run =
            RunInfo { start, end, success, error: error.unwrap_or_default(), other: serde_json::Map::new() };
        runs.insert(0, run);
        runs.truncate(RUNS_MAX);
    }

    /// The runs of a task that succeeded, the latest first.
    fn successful(&self, task: &str) -> impl Iterator<Item = &RunInfo> {
        let runs = self.runs.as_ref().and_then(|runs| runs.get(task));
        runs.into_iter().flatten().filter(|run| run.success)
    }

    fn last_end(&self, tasks: [&str; 2]) -> Option<Time> {
        tasks.into_iter().filter_map(|task| self.successful(task).next()).map(|run| run.end).max()
    }

    /// Whether packs may be filled anew: not before those of the last time have gone.
    pub(super) fn may_rewrite(&self) -> bool {
        let deleted = self.last_end([Task::FullDeleteBlobs.name(), QUICK_DELETE]);
        let rewritten = self.successful(Task::FullRewriteContents.name()).next().map(|run| run.end);
        rewritten.is_none() || deleted >= rewritten
    }

    /// Whether packs may be deleted: not right after contents were moved out of them.
    pub(super) fn may_delete(&self, safety: &Safety, now: Time) -> bool {
        let rewritten = self.last_end([Task::FullRewriteContents.name(), QUICK_REWRITE]);
        rewritten.is_none_or(|rewritten| now >= rewritten.plus(safety.rewrite_to_deletion))
    }

    /// Up to when deletions are final: two collections, far enough from each other, have found nothing that refers to those contents.
    pub(super) fn final_until(&self, safety: &Safety, now: Time) -> Option<Time> {
        if !safety.needs_two_collections {
            return Some(now);
        }
        let mut collections = self.successful(Task::SnapshotGc.name());
        let last = collections.next()?;
        let before = collections.find(|run| last.start.since(run.end) > safety.between_collections)?;
        Some(before.start.minus(safety.drop_margin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn at(hours: i64) -> Time {
        Time::from_seconds(1_700_000_000 + hours * HOUR)
    }

    fn schedule(runs: &[(Task, i64, Option<&str>)]) -> Schedule {
        let mut schedule = Schedule::default();
        for (task, hour, error) in runs {
            schedule.note(*task, at(*hour), at(*hour), error.map(str::to_owned));
        }
        schedule
    }

    #[test]
    fn deletions_are_final_before_the_last_but_one_collection() {
        let gc = Task::SnapshotGc;
        for (runs, expected) in [
            (&[][..], None),
            (&[(gc, 0, None)], None),
            (&[(gc, 0, None), (gc, 4, None)], None),
            (&[(gc, 0, None), (gc, 5, None)], Some(at(-1))),
            (&[(gc, 0, None), (gc, 20, None), (gc, 22, None)], Some(at(-1))),
            (&[(gc, 0, None), (gc, 20, None), (gc, 40, None)], Some(at(19))),
            (&[(gc, 0, None), (gc, 20, Some("failed")), (gc, 40, None)], Some(at(-1))),
        ] {
            assert_eq!(schedule(runs).final_until(&Safety::FULL, at(50)), expected, "{runs:?}");
        }
        assert_eq!(schedule(&[]).final_until(&Safety::NONE, at(50)), Some(at(50)));
    }

    #[test]
    fn rewriting_and_deleting_take_turns() {
        let (rewrite, delete) = (Task::FullRewriteContents, Task::FullDeleteBlobs);
        assert!(schedule(&[]).may_rewrite() && schedule(&[]).may_delete(&Safety::FULL, at(0)));
        let rewritten = schedule(&[(delete, 0, None), (rewrite, 1, None)]);
        assert!(!rewritten.may_rewrite() && !rewritten.may_delete(&Safety::FULL, at(1)));
        assert!(rewritten.may_delete(&Safety::FULL, at(2)) && rewritten.may_delete(&Safety::NONE, at(1)));
        assert!(schedule(&[(rewrite, 1, None), (delete, 2, None)]).may_rewrite());
        assert!(!schedule(&[(rewrite, 1, None), (delete, 2, Some("no"))]).may_rewrite());
    }

    #[test]
    fn what_is_due_is_done_and_then_not_for_a_while() {
        let (mut schedule, parameters) = (Schedule::default(), Parameters::default());
        assert_eq!(schedule.due(Mode::Auto, &parameters, at(0)), Some(Mode::Full));
        schedule.begin(Mode::Full, &parameters, at(0));
        assert_eq!(schedule.due(Mode::Auto, &parameters, at(0)), None);
        assert_eq!(schedule.due(Mode::Auto, &parameters, at(1)), Some(Mode::Quick));
        assert_eq!(schedule.due(Mode::Full, &parameters, at(0)), Some(Mode::Full));
        schedule.begin(Mode::Quick, &parameters, at(23));
        assert_eq!(schedule.due(Mode::Auto, &parameters, at(24)), Some(Mode::Full));
    }

    #[test]
    fn what_kopia_tells_besides_is_kept() {
        let json = r#"{"nextFullMaintenance":"2026-11-21T23:26:30.1+01:00","nextQuickMaintenance":"2026-11-21T00:26:30.1Z","runs":{"snapshot-gc":[{"start":"2026-11-21T00:00:00Z","end":"2026-11-21T00:00:01Z","success":true,"extra":[{"kind":"snapshotGCStats","data":null}]}]}}"#;
        let schedule: Schedule = serde_json::from_str(json).unwrap();
        assert!(serde_json::to_string(&schedule).unwrap().contains(r#""kind":"snapshotGCStats""#));
    }
}
