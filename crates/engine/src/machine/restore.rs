//! The life of a Restore. Every phase that is not an end leads on, whoever died in between.

use api::velero::v1::{Restore, RestorePhase};
use api::{Kind, labels};
use jiff::{SignedDuration, Timestamp};

use crate::problem::{Problem, Severity};
use crate::restore::problems;

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
    /// End it as `Failed`: for this reason.
    Fail(Box<Problem>),
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
        // Another machine sweeps what an ended one left behind; a newer server's phase is not ours to touch.
        Phase::FailedValidation
        | Phase::Completed
        | Phase::PartiallyFailed
        | Phase::Failed
        | Phase::Unknown => Step::Rest,
    }
}

fn running(observed: &Observed<'_>, now: Timestamp) -> Step {
    match observed.journal {
        Journal::Done { errors } => Step::Enter(after_run(errors, observed.operations)),
        _ if late(observed, now) => Step::Fail(Box::new(out_of_time(observed))),
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

fn out_of_time(observed: &Observed<'_>) -> Problem {
    let by = deadline(observed.restore, &observed.limits).unwrap_or_default();
    Problem::new(&problems::OUT_OF_TIME, Severity::Error, format!("the restore did not end by {by:.0}"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use RestorePhase as Phase;
    use serde_json::{Value, json};

    const START: &str = "2026-01-01T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn restore(phase: Phase, more: &Value) -> Restore {
        let mut document = json!({
            "metadata": {"name": "r1", "finalizers": [labels::RESTORE_FINALIZER]},
            "spec": {"itemOperationTimeout": "4h0m0s"},
            "status": {"phase": phase, "startTimestamp": START},
        });
        json_patch::merge(&mut document, more);
        Restore::from_document(&document).unwrap()
    }

    fn step(phase: Phase, more: Value, change: impl FnOnce(&mut Observed<'_>), now: &str) -> Step {
        let restore = restore(phase, &more);
        let mut observed = Observed {
            restore: &restore,
            journal: Journal::Absent,
            operations: Operations::default(),
            files: Files::None,
            limits: Limits::default(),
        };
        change(&mut observed);
        next(&observed, at(now))
    }

    #[test]
    fn a_new_restore_is_guarded_then_read_then_run() {
        let bare = json!({"metadata": {"finalizers": null}});
        assert_eq!(step(Phase::New, bare.clone(), |_| {}, START), Step::AddFinalizer);
        assert_eq!(step(Phase::New, json!({}), |_| {}, START), Step::Prepare);
        assert_eq!(step(Phase::InProgress, json!({}), |_| {}, START), Step::Run { resume: false });
        // An old one that has ended is left alone.
        assert_eq!(step(Phase::Completed, bare, |_| {}, START), Step::Rest);
    }

    #[test]
    fn a_run_that_was_cut_off_goes_on() {
        let begun = |of: &mut Observed<'_>| of.journal = Journal::Begun;
        assert_eq!(
            step(Phase::InProgress, json!({}), begun, "2026-01-01T23:00:00Z"),
            Step::Run { resume: true }
        );
        let late = step(Phase::InProgress, json!({}), begun, "2026-01-02T00:00:01Z");
        let Step::Fail(late) = late else { panic!("{late:?}") };
        assert_eq!(late.sentence(), "the restore did not end by 2026-01-02T00:00:00Z (SLV-2020)");
    }

    #[test]
    fn a_run_that_is_through_leads_on_even_when_late() {
        for (errors, unfinished, failed, phase) in [
            (0, 0, 0, Phase::Finalizing),
            (2, 0, 0, Phase::FinalizingPartiallyFailed),
            (0, 0, 1, Phase::FinalizingPartiallyFailed),
            (0, 1, 0, Phase::WaitingForPluginOperations),
            (1, 1, 0, Phase::WaitingForPluginOperationsPartiallyFailed),
        ] {
            let done = |of: &mut Observed<'_>| {
                of.journal = Journal::Done { errors };
                of.operations = Operations { unfinished, failed };
            };
            assert_eq!(step(Phase::InProgress, json!({}), done, "2026-03-01T00:00:00Z"), Step::Enter(phase));
        }
    }

    #[test]
    fn waiting_ends_with_the_operations_or_the_deadline() {
        let (plain, failed) =
            (Phase::WaitingForPluginOperations, Phase::WaitingForPluginOperationsPartiallyFailed);
        let later = "2026-01-01T00:00:10Z";
        for (phase, unfinished, failures, now, expect) in [
            (plain, 1, 0, START, Step::Wait(at(later))),
            (plain, 1, 1, START, Step::Enter(failed)),
            (failed, 1, 1, START, Step::Wait(at(later))),
            (plain, 0, 0, START, Step::Enter(Phase::Finalizing)),
            (plain, 0, 1, START, Step::Enter(Phase::FinalizingPartiallyFailed)),
            (failed, 0, 0, START, Step::Enter(Phase::FinalizingPartiallyFailed)),
            (plain, 1, 0, "2026-01-02T04:00:01Z", Step::Enter(Phase::FinalizingPartiallyFailed)),
        ] {
            let operations = Operations { unfinished, failed: failures };
            assert_eq!(
                step(phase, json!({}), |of| of.operations = operations, now),
                expect,
                "{phase} {operations:?}"
            );
        }
    }

    #[test]
    fn the_last_steps_end_it() {
        for phase in [Phase::Finalizing, Phase::FinalizingPartiallyFailed] {
            assert_eq!(step(phase, json!({}), |_| {}, START), Step::Finalize);
            assert_eq!(
                step(phase, json!({}), |_| {}, "2026-01-02T05:00:01Z"),
                Step::Enter(Phase::PartiallyFailed)
            );
        }
        assert_eq!(after_finalize(Phase::Finalizing, 0), Phase::Completed);
        assert_eq!(after_finalize(Phase::Finalizing, 1), Phase::PartiallyFailed);
        assert_eq!(after_finalize(Phase::FinalizingPartiallyFailed, 0), Phase::PartiallyFailed);
    }

    #[test]
    fn an_end_rests() {
        for phase in [Phase::Completed, Phase::PartiallyFailed, Phase::Failed, Phase::FailedValidation] {
            assert_eq!(step(phase, json!({}), |of| of.journal = Journal::Begun, START), Step::Rest);
            assert_eq!(step(phase, json!({}), |_| {}, START), Step::Rest);
        }
        assert_eq!(step(Phase::Unknown, json!({}), |_| {}, START), Step::Rest);
    }

    #[test]
    fn a_deleted_restore_takes_its_files_along() {
        let gone = json!({"metadata": {"deletionTimestamp": START}});
        for (files, expect) in [
            (Files::Reachable, Step::DeleteFiles),
            (Files::None, Step::RemoveFinalizer),
            (Files::Unreachable, Step::Wait(at("2026-01-01T00:00:10Z"))),
        ] {
            assert_eq!(step(Phase::InProgress, gone.clone(), |of| of.files = files, START), expect);
        }
        let unguarded = json!({"metadata": {"deletionTimestamp": START, "finalizers": null}});
        assert_eq!(step(Phase::New, unguarded, |_| {}, START), Step::Rest);
    }

    #[test]
    fn every_phase_that_is_no_end_has_a_deadline_once_it_began() {
        for text in Phase::TEXTS {
            let phase: Phase = text.parse().unwrap();
            let begun = !phase.is_terminal() && phase != Phase::New;
            let found = deadline(&restore(phase, &json!({})), &Limits::default());
            assert_eq!(found.is_some(), begun, "{text}");
        }
    }
}
