//! The life of a Backup: its place in the queue, its run, its end. Every phase that is not an end leads on,
//! whoever died in between; a run that was cut off is gone on with, never given up.

use std::collections::BTreeSet;

use api::Kind;
use api::velero::v1::{Backup, BackupPhase, BackupSpec};
use jiff::{SignedDuration, Timestamp};

use super::restore::{Journal, Operations};
use crate::backup::{NamespaceFacts, problems};
use crate::filter::set::Set;
use crate::problem::{Problem, Severity};

/// What is so.
#[derive(Debug, Clone)]
pub struct Observed<'a> {
    /// The Backup.
    pub backup: &'a Backup,
    /// All Backups of the server's namespace, with or without this one.
    pub backups: &'a [Backup],
    /// The namespaces of the cluster.
    pub namespaces: &'a [NamespaceFacts],
    /// What its journal says.
    pub journal: Journal,
    /// What goes on in the background.
    pub operations: Operations,
    /// How much may be done, and how long it may take.
    pub limits: Limits,
}

/// How much backups may do at once, and how long each may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Backups that run at once.
    pub concurrent_backups: usize,
    /// For its turn to come.
    pub queue: SignedDuration,
    /// From its turn until it is validated.
    pub prepare: SignedDuration,
    /// Until all objects are stored.
    pub run: SignedDuration,
    /// For the last steps.
    pub finalize: SignedDuration,
    /// Between two looks at others, or at work in the background.
    pub poll: SignedDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent_backups: 1,
            queue: SignedDuration::from_hours(7 * 24),
            prepare: SignedDuration::from_hours(1),
            run: SignedDuration::from_hours(24),
            finalize: SignedDuration::from_hours(1),
            poll: SignedDuration::from_secs(10),
        }
    }
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Set the phase `Queued`, or only the position.
    Queue {
        /// Its position, counted from one.
        position: i64,
    },
    /// Set the phase, and the position to zero.
    Enter(BackupPhase),
    /// Validate it, and write back what came of that.
    Prepare,
    /// Store its objects: from the journal where there is one. Ends with [`after_run`].
    Run {
        /// Whether a journal is there to go on with.
        resume: bool,
    },
    /// Do the last steps, the commit marker among them. Ends with [`after_finalize`].
    Finalize,
    /// End it as `Failed`: for this reason.
    Fail(Box<Problem>),
    /// Look again then, or when another Backup changes.
    Wait(Timestamp),
    /// Nothing, until it changes.
    Rest,
}

/// What is to be done next.
pub fn next(observed: &Observed<'_>, now: Timestamp) -> Step {
    use BackupPhase as Phase;
    if observed.backup.metadata().deletion_timestamp.is_some() {
        return Step::Rest;
    }
    match observed.backup.status.phase {
        Phase::New => Step::Queue { position: last_position(observed) + 1 },
        Phase::Queued => queued(observed, now),
        Phase::ReadyToStart => within(observed, now, "its validation", || Step::Prepare),
        Phase::InProgress => running(observed, now),
        Phase::WaitingForPluginOperations | Phase::WaitingForPluginOperationsPartiallyFailed => {
            waiting(observed, now)
        }
        Phase::Finalizing | Phase::FinalizingPartiallyFailed => {
            within(observed, now, "its last steps", || Step::Finalize)
        }
        // Other machines sweep what an ended one left behind, and delete; a newer server's phase is not ours to touch.
        Phase::FailedValidation
        | Phase::Completed
        | Phase::PartiallyFailed
        | Phase::Failed
        | Phase::Deleting
        | Phase::Unknown => Step::Rest,
    }
}

/// A step, unless its time is over.
fn within(observed: &Observed<'_>, now: Timestamp, what: &str, step: impl FnOnce() -> Step) -> Step {
    match deadline(observed.backup, &observed.limits) {
        Some(deadline) if now > deadline => {
            let message = format!("{what} did not end by {deadline:.0}");
            Step::Fail(Box::new(Problem::new(&problems::OUT_OF_TIME, Severity::Error, message)))
        }
        _ => step(),
    }
}

fn running(observed: &Observed<'_>, now: Timestamp) -> Step {
    match observed.journal {
        Journal::Done { errors } => Step::Enter(after_run(errors, observed.operations)),
        Journal::Absent => within(observed, now, "the backup", || Step::Run { resume: false }),
        Journal::Begun => within(observed, now, "the backup", || Step::Run { resume: true }),
    }
}

fn waiting(observed: &Observed<'_>, now: Timestamp) -> Step {
    let phase = observed.backup.status.phase;
    let failed = failed_already(phase) || observed.operations.failed > 0;
    let late = deadline(observed.backup, &observed.limits).is_some_and(|deadline| now > deadline);
    // Past the deadline the rest counts as failed: whoever runs operations has cancelled them by then.
    if observed.operations.unfinished == 0 {
        Step::Enter(finalizing_phase(failed))
    } else if late {
        Step::Enter(BackupPhase::FinalizingPartiallyFailed)
    } else if failed && !failed_already(phase) {
        Step::Enter(BackupPhase::WaitingForPluginOperationsPartiallyFailed)
    } else {
        Step::Wait(after(now, observed.limits.poll))
    }
}

/// A place in the queue, by which all servers order it alike.
type Turn<'a> = (isize, Option<Timestamp>, &'a str);

fn turn(backup: &Backup) -> Turn<'_> {
    let created = backup.metadata().creation_timestamp.as_ref().map(|time| time.0);
    (backup.status.queue_position, created, backup.name())
}

fn queued(observed: &Observed<'_>, now: Timestamp) -> Step {
    let this = turn(observed.backup);
    let mut ahead: Vec<&Backup> =
        others(observed, &[BackupPhase::Queued]).filter(|of| turn(of) < this).collect();
    ahead.sort_by_key(|of| turn(of));
    let position = i64::try_from(ahead.len()).unwrap_or(i64::MAX).saturating_add(1);
    let started: Vec<&Backup> =
        others(observed, &[BackupPhase::ReadyToStart, BackupPhase::InProgress]).collect();
    let free = started.len() < observed.limits.concurrent_backups.max(1);
    if free && is_next(observed, &started, &ahead) {
        Step::Enter(BackupPhase::ReadyToStart)
    } else if this.0 as i64 != position {
        Step::Queue { position }
    } else {
        within(observed, now, "its wait for other backups", || Step::Wait(after(now, observed.limits.poll)))
    }
}

/// Whether it may overtake those ahead of it: none of them could run, and it touches no namespace of theirs.
fn is_next(observed: &Observed<'_>, started: &[&Backup], ahead: &[&Backup]) -> bool {
    let mut taken: BTreeSet<&str> =
        started.iter().flat_map(|of| covered(&of.spec, observed.namespaces)).collect();
    for backup in ahead {
        let covered = covered(&backup.spec, observed.namespaces);
        if taken.is_disjoint(&covered) {
            return false;
        }
        taken.extend(covered);
    }
    taken.is_disjoint(&covered(&observed.backup.spec, observed.namespaces))
}

/// The namespaces that a Backup covers.
fn covered<'a>(spec: &BackupSpec, namespaces: &'a [NamespaceFacts]) -> BTreeSet<&'a str> {
    let names = || namespaces.iter().map(|of| of.name.as_str());
    let set = Set::new(&spec.included_namespaces, &spec.excluded_namespaces).expanded(names());
    names().filter(|name| set.matches(name)).collect()
}

fn last_position(observed: &Observed<'_>) -> i64 {
    let positions = others(observed, &[BackupPhase::Queued]).map(|of| of.status.queue_position as i64);
    positions.max().unwrap_or(0).max(0)
}

fn others<'a>(observed: &Observed<'a>, phases: &'a [BackupPhase]) -> impl Iterator<Item = &'a Backup> {
    let this = observed.backup.name();
    observed.backups.iter().filter(move |of| of.name() != this && phases.contains(&of.status.phase))
}

/// When the present phase must have ended; `None` for phases that end at once, or that are an end.
pub fn deadline(backup: &Backup, limits: &Limits) -> Option<Timestamp> {
    use BackupPhase as Phase;
    let (created, started) = (&backup.metadata().creation_timestamp, &backup.status.start_timestamp);
    let waiting = limits.run.saturating_add(backup.spec.item_operation_timeout.to_signed());
    let (from, allowed) = match backup.status.phase {
        Phase::Queued => (created, limits.queue),
        Phase::ReadyToStart => (created, limits.queue.saturating_add(limits.prepare)),
        Phase::InProgress => (started, limits.run),
        Phase::WaitingForPluginOperations | Phase::WaitingForPluginOperationsPartiallyFailed => {
            (started, waiting)
        }
        Phase::Finalizing | Phase::FinalizingPartiallyFailed => {
            (started, waiting.saturating_add(limits.finalize))
        }
        _ => return None,
    };
    Some(after(from.as_ref()?.0, allowed))
}

/// The phase after all objects were stored.
pub fn after_run(errors: usize, operations: Operations) -> BackupPhase {
    let failed = errors > 0 || operations.failed > 0;
    match (operations.unfinished > 0, failed) {
        (true, false) => BackupPhase::WaitingForPluginOperations,
        (true, true) => BackupPhase::WaitingForPluginOperationsPartiallyFailed,
        (false, failed) => finalizing_phase(failed),
    }
}

/// The last phase, after the last steps.
pub fn after_finalize(phase: BackupPhase, new_errors: usize) -> BackupPhase {
    match failed_already(phase) || new_errors > 0 {
        true => BackupPhase::PartiallyFailed,
        false => BackupPhase::Completed,
    }
}

/// How a backup ends whose marker another server wrote before its last steps, and then went. `operations` went on in
/// the background at that time: nobody is there who could store what came of them.
pub fn taken_over(phase: BackupPhase, operations: usize) -> (BackupPhase, Option<Problem>) {
    if phase.is_terminal() || operations == 0 {
        return (if phase.is_terminal() { phase } else { after_finalize(phase, 0) }, None);
    }
    let message = format!(
        "the server that made the backup ended while {operations} operations went on in the background"
    );
    let problem = Problem::new(&problems::OPERATIONS_LOST, Severity::Error, message);
    (after_finalize(phase, 1), Some(problem))
}

fn finalizing_phase(failed: bool) -> BackupPhase {
    if failed { BackupPhase::FinalizingPartiallyFailed } else { BackupPhase::Finalizing }
}

fn failed_already(phase: BackupPhase) -> bool {
    use BackupPhase as Phase;
    matches!(phase, Phase::WaitingForPluginOperationsPartiallyFailed | Phase::FinalizingPartiallyFailed)
}

fn after(from: Timestamp, span: SignedDuration) -> Timestamp {
    from.saturating_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
