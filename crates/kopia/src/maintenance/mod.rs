//! Maintenance: what nothing refers to any more goes, half-empty packs are filled anew, and indexes are merged.
//!
//! Kopia's rules hold, by its own record in the repository, so that its command and this crate may take turns. Nothing is deleted that a reader
//! or writer could still go by: a content is marked first and is gone a day later, a pack goes a day after the last index that names it.

mod collect;
mod epochs;
mod lease;
mod logs;
mod packs;
mod parameters;
mod rewrite;
mod schedule;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use collect::Used;
use lease::Lease;
pub use parameters::{Cycle, LogRetention, Parameters};
pub(crate) use schedule::Schedule;
use schedule::Task;

use crate::manifest::{self, Manifests};
use crate::parallel::{Crew, deep};
use crate::{Error, ErrorKind, Repository, Result, Time, Writer};

/// How far the clocks of the store and of this machine may be apart.
const SKEW_MAX: Duration = Duration::from_mins(5);

/// What is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// What is due.
    #[default]
    Auto,
    /// Indexes only.
    Quick,
    /// Everything.
    Full,
}

/// How long is waited before anything is taken for left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safety {
    content_age_min: Duration,
    between_collections: Duration,
    needs_two_collections: bool,
    drop_margin: Duration,
    rewrite_age_min: Duration,
    rewrite_to_deletion: Duration,
    pack_age_min: Duration,
    session_age_max: Duration,
}

impl Safety {
    /// Long enough for writers and readers of which nobody knows.
    pub const FULL: Self = Self {
        content_age_min: Duration::from_hours(24),
        between_collections: Duration::from_hours(4),
        needs_two_collections: true,
        drop_margin: Duration::from_hours(1),
        rewrite_age_min: Duration::from_hours(2),
        rewrite_to_deletion: Duration::from_hours(1),
        pack_age_min: Duration::from_hours(24),
        session_age_max: Duration::from_hours(96),
    };
    /// Not at all: only for a repository that nobody else uses meanwhile.
    pub const NONE: Self = Self {
        content_age_min: Duration::ZERO,
        between_collections: Duration::ZERO,
        needs_two_collections: false,
        drop_margin: Duration::ZERO,
        rewrite_age_min: Duration::ZERO,
        rewrite_to_deletion: Duration::ZERO,
        pack_age_min: Duration::ZERO,
        session_age_max: Duration::ZERO,
    };
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What was done in all, if anything was due and nobody else did it.
    pub mode: Option<Mode>,
    /// Contents that nothing refers to and that were marked as deleted.
    pub contents_deleted: u64,
    /// Contents that were marked as deleted and are in use again.
    pub contents_recovered: u64,
    /// Contents that were moved out of half-empty packs.
    pub contents_rewritten: u64,
    /// Up to when deletions have become final.
    pub dropped_before: Option<Time>,
    /// Packs and marks of sessions that were deleted.
    pub blobs_deleted: u64,
    /// Their bytes.
    pub bytes_deleted: u64,
    /// Blobs that are kept longer from being deleted.
    pub blobs_kept_longer: u64,
    /// The epoch that has begun.
    pub epoch_begun: Option<u64>,
    /// Index blobs that were merged into others.
    pub indexes_merged: u64,
    /// Blobs of indexes and epochs that were deleted.
    pub index_blobs_deleted: u64,
    /// Blobs of kopia's logs that were deleted.
    pub logs_deleted: u64,
}

/// Whoever maintains a repository.
pub struct Maintainer {
    repository: Arc<Repository>,
    username: String,
    hostname: String,
    safety: Safety,
    threads: usize,
}

impl Maintainer {
    /// Somebody who maintains a repository, by kopia's margins.
    pub fn new(repository: Arc<Repository>, username: &str, hostname: &str) -> Self {
        Self {
            repository,
            username: username.to_owned(),
            hostname: hostname.to_owned(),
            safety: Safety::FULL,
            threads: 4,
        }
    }

    /// The same with other margins.
    #[must_use]
    pub fn with_safety(self, safety: Safety) -> Self {
        Self { safety, ..self }
    }

    /// The same with so many threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// What the owner of a repository is called in its parameters.
    pub fn owner(&self) -> String {
        format!("{}@{}", self.username, self.hostname)
    }

    /// Becomes the one who maintains the repository.
    pub fn take_over(&self) -> Result<()> {
        self.repository.refresh()?;
        let manifests = Manifests::load(&self.repository)?;
        let mut parameters = Parameters::load(&manifests)?;
        parameters.owner = self.owner();
        parameters.save(&self.writer()?, &manifests)
    }

    fn writer(&self) -> Result<Writer> {
        Writer::with_identity(Arc::clone(&self.repository), &self.username, &self.hostname)
    }

    /// Does what is to be done; nothing if another one is at it. Only the owner may.
    pub fn run(&self, mode: Mode) -> Result<Report> {
        self.repository.refresh()?;
        self.repository.format().check_writable()?;
        let parameters = Parameters::load(&Manifests::load(&self.repository)?)?;
        if parameters.owner != self.owner() {
            let reason = format!("is maintained by {:?}, not by {:?}", parameters.owner, self.owner());
            return Err(Error::new(ErrorKind::Locked, "repository", reason));
        }
        let Some(lease) = Lease::take(&self.repository)? else { return Ok(Report::default()) };
        let outcome = deep(|| self.run_alone(mode, &parameters));
        // what happened is told, whether or not the lease goes: one that stays is over after a day
        let released = lease.release();
        outcome.and_then(|report| released.map(|()| report))
    }

    fn run_alone(&self, mode: Mode, parameters: &Parameters) -> Result<Report> {
        let storage = self.repository.storage();
        let mut schedule = Schedule::load(&self.repository)?;
        let now = storage.now();
        let Some(mode) = schedule.due(mode, parameters, now) else { return Ok(Report::default()) };
        schedule.begin(mode, parameters, now);
        schedule.save(&self.repository)?;
        let started = storage.head(schedule::BLOB)?.modified;
        let skew = started.since(storage.now()).max(now.since(started));
        if skew > SKEW_MAX {
            let reason =
                format!("the clock of the store and that of this machine are {} s apart", skew.as_secs());
            return Err(Error::new(ErrorKind::Clock, schedule::BLOB, reason));
        }
        self.repository.refresh()?;
        let crew = Crew::new(self.threads);
        let report = Report { mode: Some(mode), ..Report::default() };
        let mut run = Run { maintainer: self, parameters, crew, started, schedule, report };
        match mode {
            Mode::Full => run.full()?,
            Mode::Auto | Mode::Quick => run.quick()?,
        }
        Ok(run.report)
    }
}

/// What is done at one time.
struct Run<'a> {
    maintainer: &'a Maintainer,
    parameters: &'a Parameters,
    crew: Crew,
    /// When it began, by the store's clock.
    started: Time,
    schedule: Schedule,
    report: Report,
}

impl Run<'_> {
    fn quick(&mut self) -> Result<()> {
        self.task(Task::CompactSingleEpoch, Self::compact_epoch)?;
        self.task(Task::AdvanceEpoch, Self::advance_epoch)
    }

    fn full(&mut self) -> Result<()> {
        manifest::compact(&self.maintainer.writer()?)?;
        self.task(Task::SnapshotGc, Self::collect)?;
        if self.schedule.may_rewrite() {
            self.task(Task::FullRewriteContents, Self::rewrite)?;
        }
        self.task(Task::FullDropDeletedContent, Self::drop_deleted)?;
        if self.schedule.may_delete(self.safety(), self.now()) {
            self.task(Task::FullDeleteBlobs, Self::delete_packs)?;
        }
        if self.parameters.extend_object_locks {
            self.task(Task::ExtendBlobRetentionTime, Self::extend_retention)?;
        }
        self.task(Task::CompactSingleEpoch, Self::compact_epoch)?;
        self.task(Task::AdvanceEpoch, Self::advance_epoch)?;
        self.task(Task::GenerateEpochRangeIndex, Self::merge_range)?;
        self.task(Task::CleanupEpochMarkers, Self::delete_markers)?;
        self.task(Task::DeleteSupersededEpochIndexes, Self::delete_superseded)?;
        self.task(Task::CleanupLogs, Self::delete_logs)
    }

    /// Does something and puts it on record, as it went: kopia decides by that what it may do.
    fn task(&mut self, task: Task, work: fn(&mut Self) -> Result<()>) -> Result<()> {
        let begun = self.now();
        let outcome = work(self);
        let error = outcome.as_ref().err().map(ToString::to_string);
        self.schedule.note(task, begun, self.now(), error);
        let saved = self.schedule.save(self.repository());
        outcome.and_then(|()| saved.map(drop))
    }

    fn repository(&self) -> &Arc<Repository> {
        &self.maintainer.repository
    }

    fn safety(&self) -> &Safety {
        &self.maintainer.safety
    }

    fn now(&self) -> Time {
        self.repository().storage().now()
    }
}
