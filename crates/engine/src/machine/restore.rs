//! The life of a Restore. Every phase that is not an end leads on, whoever died in between.

use api::velero::v1::{Restore, RestorePhase};
use api::{Kind, labels};
use jiff::{SignedDuration, Timestamp};

/// What is so.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The Restore.
    pub restore: &'a Restore,
    /// What its journal says.
    pub journal: Journal,
    /// What goes on in the background.
    pub operations: Operations,
    /// Whether its files in the bucket can be deleted.
    pub files: Files,
    /// How long a run may take.
    pub limits: Limits,
}

/// What the journal of an operation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Journal {
    /// There is none.
    #[default]
    Absent,
    /// It has a plan, and perhaps steps.
    Begun,
    /// All objects were handled.
    Done {
        /// How many errors there were.
        errors: usize,
    },
}

/// What goes on in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Operations {
    /// How many have not ended.
    pub unfinished: usize,
    /// How many have failed.
    pub failed: usize,
}

/// Whether the files of a Restore can be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Files {
    /// There are none, or nobody knows a bucket that they could be in.
    #[default]
    None,
    /// They can.
    Reachable,
    /// Their location does not answer.
    Unreachable,
}

/// How long a restore may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until all objects are handled.
    pub run: SignedDuration,
    /// For the last steps.
    pub finalize: SignedDuration,
    /// Between two looks at work in the background, or at an unreachable bucket.
    pub poll: SignedDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            run: SignedDuration::from_hours(24),
            finalize: SignedDuration::from_hours(1),
            poll: SignedDuration::from_secs(10),
        }
    }
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Put the finalizer on it.
    AddFinalizer,
    /// Read it, and write back what was read.
    Prepare,
    /// Handle its objects: from the journal where there is one. Ends with [`after_run`].
    Run {
        /// Whether a journal is there to go on with.
        resume: bool,
    },
    /// Set the phase.
    Enter(RestorePhase),
    /// Do the last steps. Ends with [`after_finalize`].
    Finalize,
    /// End it as `Failed`, with this reason.
    Fail(String),
    /// Remove its journal, which nobody needs any more.
    Sweep,
    /// Delete its files in the bucket, then take off the finalizer.
    DeleteFiles,
    /// Take off the finalizer.
    RemoveFinalizer,
    /// Look again then.
    Wait(Timestamp),
    /// Nothing, until it changes.
    Rest,
}

/// What is to be done next.
pub fn next(observed: &Observed<'_>, now: Timestamp) -> Step {
    let metadata = observed.restore.metadata();
    let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
    let guarded = finalizers.iter().any(|one| one == labels::RESTORE_FINALIZER);
    match (metadata.deletion_timestamp.is_some(), guarded) {
        (true, true) => deletion(observed, now),
        (true, false) => Step::Rest,
        (false, false) if !observed.restore.status.phase.is_terminal() => Step::AddFinalizer,
        (false, _) => life(observed, now),
    }
}

fn deletion(observed: &Observed<'_>, now: Timestamp) -> Step {
    match observed.files {
        Files::None => Step::RemoveFinalizer,
        Files::Reachable => Step::DeleteFiles,
        Files::Unreachable => Step::Wait(after(now, observed.limits.poll)),
    }
}

fn life(observed: &Observed<'_>, now: Timestamp) -> Step {
    use RestorePhase as Phase;
    let phase = observed.restore.status.phase;
    match phase {
        Phase::New => Step::Prepare,
        Phase::InProgress => running(observed, now),
        Phase::WaitingForPluginOperations | Phase::WaitingForPluginOperationsPartiallyFailed => {
            waiting(observed, now)
        }
        Phase::Finalizing | Phase::FinalizingPartiallyFailed => finalizing(observed, now),
        Phase::FailedValidation | Phase::Completed | Phase::PartiallyFailed | Phase::Failed => {
            if observed.journal == Journal::Absent { Step::Rest } else { Step::Sweep }
        }
        // A newer server's: not ours to touch.
        Phase::Unknown => Step::Rest,
    }
}

fn running(observed: &Observed<'_>, now: Timestamp) -> Step {
    match observed.journal {
        Journal::Done { errors } => Step::Enter(after_run(errors, observed.operations)),
        _ if late(observed, now) => Step::Fail("the restore did not end within its deadline".to_owned()),
        Journal::Absent => Step::Run { resume: false },
        Journal::Begun => Step::Run { resume: true },
    }
}

fn waiting(observed: &Observed<'_>, now: Timestamp) -> Step {
    let failed = failed_already(observed.restore.status.phase) || observed.operations.failed > 0;
    // Past the deadline the rest counts as failed: whoever runs operations has cancelled them by then.
    if observed.operations.unfinished == 0 {
        Step::Enter(finalizing_phase(failed))
    } else if late(observed, now) {
        Step::Enter(RestorePhase::FinalizingPartiallyFailed)
    } else if failed && !failed_already(observed.restore.status.phase) {
        Step::Enter(RestorePhase::WaitingForPluginOperationsPartiallyFailed)
    } else {
        Step::Wait(after(now, observed.limits.poll))
    }
}

fn finalizing(observed: &Observed<'_>, now: Timestamp) -> Step {
    if late(observed, now) { Step::Enter(RestorePhase::PartiallyFailed) } else { Step::Finalize }
}

fn late(observed: &Observed<'_>, now: Timestamp) -> bool {
    deadline(observed.restore, &observed.limits).is_some_and(|deadline| now > deadline)
}

/// When the present phase must have ended; `None` for phases without an end, or before the restore began.
pub fn deadline(restore: &Restore, limits: &Limits) -> Option<Timestamp> {
    use RestorePhase as Phase;
    let waiting = limits.run.saturating_add(restore.spec.item_operation_timeout.to_signed());
    let allowed = match restore.status.phase {
        Phase::InProgress => limits.run,
        Phase::WaitingForPluginOperations | Phase::WaitingForPluginOperationsPartiallyFailed => waiting,
        Phase::Finalizing | Phase::FinalizingPartiallyFailed => waiting.saturating_add(limits.finalize),
        _ => return None,
    };
    Some(after(restore.status.start_timestamp.as_ref()?.0, allowed))
}

/// The phase after all objects were handled.
pub fn after_run(errors: usize, operations: Operations) -> RestorePhase {
    let failed = errors > 0 || operations.failed > 0;
    match (operations.unfinished > 0, failed) {
        (true, false) => RestorePhase::WaitingForPluginOperations,
        (true, true) => RestorePhase::WaitingForPluginOperationsPartiallyFailed,
        (false, failed) => finalizing_phase(failed),
    }
}

/// The last phase, after the last steps.
pub fn after_finalize(phase: RestorePhase, new_errors: usize) -> RestorePhase {
    match failed_already(phase) || new_errors > 0 {
        true => RestorePhase::PartiallyFailed,
        false => RestorePhase::Completed,
    }
}

fn finalizing_phase(failed: bool) -> RestorePhase {
    if failed { RestorePhase::FinalizingPartiallyFailed } else { RestorePhase::Finalizing }
}

fn failed_already(phase: RestorePhase) -> bool {
    use RestorePhase as Phase;
    matches!(phase, Phase::WaitingForPluginOperationsPartiallyFailed | Phase::FinalizingPartiallyFailed)
}

fn after(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.saturating_add(span).unwrap_or(Timestamp::MAX)
}
