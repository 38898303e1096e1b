//! One test an edge.

use api::velero::v1::BackupPhase as Phase;
use api::{GoDuration, Time};

use super::*;

fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-05-20T10:00:00Z".parse().unwrap();
    start + SignedDuration::from_mins(minutes)
}

fn backup(name: &str, phase: Phase, position: isize, namespaces: &[&str]) -> Backup {
    let mut backup = Backup::new("velero", name);
    backup.metadata.creation_timestamp = Some(Time(at(0)));
    backup.spec.included_namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
    backup.spec.item_operation_timeout = GoDuration::from_hours(4);
    backup.status.phase = phase;
    backup.status.queue_position = position;
    backup.status.start_timestamp = Some(Time(at(0)));
    backup
}

struct World {
    backup: Backup,
    others: Vec<Backup>,
    journal: Journal,
    operations: Operations,
    concurrent: usize,
}

fn world(phase: Phase) -> World {
    let backup = backup("b", phase, 1, &["shop"]);
    World {
        backup,
        others: Vec::new(),
        journal: Journal::Absent,
        operations: Operations::default(),
        concurrent: 1,
    }
}

impl World {
    fn next(&self, minutes: i64) -> Step {
        let names = ["shop", "data", "tools"];
        let namespaces: Vec<_> = names
            .iter()
            .map(|name| NamespaceFacts { name: (*name).into(), ..NamespaceFacts::default() })
            .collect();
        let observed = Observed {
            backup: &self.backup,
            backups: &self.others,
            namespaces: &namespaces,
            journal: self.journal,
            operations: self.operations,
            limits: Limits { concurrent_backups: self.concurrent, ..Limits::default() },
        };
        next(&observed, at(minutes))
    }

    fn with(mut self, others: Vec<Backup>) -> Self {
        self.others = others;
        self
    }
}

const DAY: i64 = 24 * 60;

#[test]
fn new_goes_to_the_end_of_the_queue() {
    assert_eq!(world(Phase::New).next(0), Step::Queue { position: 1 });
    let others = vec![backup("a", Phase::Queued, 4, &[]), backup("c", Phase::InProgress, 0, &[])];
    assert_eq!(world(Phase::New).with(others).next(0), Step::Queue { position: 5 });
}

#[test]
fn queued_and_alone_is_ready() {
    assert_eq!(world(Phase::Queued).next(0), Step::Enter(Phase::ReadyToStart));
    let done =
        vec![backup("a", Phase::Completed, 0, &["shop"]), backup("c", Phase::Finalizing, 0, &["shop"])];
    assert_eq!(world(Phase::Queued).with(done).next(0), Step::Enter(Phase::ReadyToStart));
}

#[test]
fn queued_waits_while_others_run() {
    for phase in [Phase::InProgress, Phase::ReadyToStart] {
        let others = vec![backup("a", phase, 0, &["data"])];
        assert!(matches!(world(Phase::Queued).with(others).next(0), Step::Wait(_)), "{phase}");
    }
}

#[test]
fn queued_runs_beside_others_of_other_namespaces() {
    for (namespaces, expect) in
        [(&["data"][..], true), (&["shop", "data"], false), (&[], false), (&["s*"], false)]
    {
        let mut world = world(Phase::Queued).with(vec![backup("a", Phase::InProgress, 0, namespaces)]);
        world.concurrent = 2;
        assert_eq!(world.next(0) == Step::Enter(Phase::ReadyToStart), expect, "{namespaces:?}");
    }
}

#[test]
fn queued_overtakes_only_what_cannot_run() {
    let mut world = world(Phase::Queued);
    world.concurrent = 3;
    world.backup.status.queue_position = 2;
    world.others = vec![backup("a", Phase::Queued, 1, &["data"])];
    assert!(matches!(world.next(0), Step::Wait(_)), "the other is its equal, and first");
    world.others.push(backup("c", Phase::InProgress, 0, &["data"]));
    assert_eq!(world.next(0), Step::Enter(Phase::ReadyToStart));
    world.others[0].spec.included_namespaces.push("shop".into());
    assert!(matches!(world.next(0), Step::Wait(_)), "the other comes first in its namespace");
}

#[test]
fn queued_moves_up() {
    let mut world = world(Phase::Queued).with(vec![backup("a", Phase::InProgress, 0, &["shop"])]);
    world.backup.status.queue_position = 3;
    assert_eq!(world.next(0), Step::Queue { position: 1 });
    world.others.push(backup("c", Phase::Queued, 3, &["shop"]));
    assert_eq!(world.next(0), Step::Queue { position: 1 }, "of equals the first by name");
}

#[test]
fn queued_fails_after_its_deadline() {
    let world = world(Phase::Queued).with(vec![backup("a", Phase::InProgress, 0, &["shop"])]);
    assert!(matches!(world.next(7 * DAY), Step::Wait(_)));
    assert!(matches!(world.next(7 * DAY + 1), Step::Fail(_)));
}

#[test]
fn ready_is_prepared_whoever_died_before() {
    assert_eq!(world(Phase::ReadyToStart).next(0), Step::Prepare);
    assert!(matches!(world(Phase::ReadyToStart).next(7 * DAY + 61), Step::Fail(_)));
}

#[test]
fn in_progress_runs_and_is_gone_on_with() {
    let mut world = world(Phase::InProgress);
    assert_eq!(world.next(0), Step::Run { resume: false });
    world.journal = Journal::Begun;
    assert_eq!(world.next(DAY), Step::Run { resume: true });
    let Step::Fail(late) = world.next(DAY + 1) else { panic!("{:?}", world.next(DAY + 1)) };
    assert_eq!(late.sentence(), "the backup did not end by 2026-05-21T10:00:00Z (SLV-1404)");
}

#[test]
fn in_progress_leads_on_when_all_is_stored() {
    let mut world = world(Phase::InProgress);
    for (errors, unfinished, failed, phase) in [
        (0, 0, 0, Phase::Finalizing),
        (1, 0, 0, Phase::FinalizingPartiallyFailed),
        (0, 1, 0, Phase::WaitingForPluginOperations),
        (1, 1, 0, Phase::WaitingForPluginOperationsPartiallyFailed),
        (0, 1, 1, Phase::WaitingForPluginOperationsPartiallyFailed),
        (0, 0, 1, Phase::FinalizingPartiallyFailed),
    ] {
        world.journal = Journal::Done { errors };
        world.operations = Operations { unfinished, failed };
        assert_eq!(world.next(2 * DAY), Step::Enter(phase));
    }
}

#[test]
fn waiting_leads_on_when_operations_end() {
    for (phase, unfinished, failed, expect) in [
        (Phase::WaitingForPluginOperations, 0, 0, Phase::Finalizing),
        (Phase::WaitingForPluginOperations, 0, 1, Phase::FinalizingPartiallyFailed),
        (Phase::WaitingForPluginOperations, 1, 1, Phase::WaitingForPluginOperationsPartiallyFailed),
        (Phase::WaitingForPluginOperationsPartiallyFailed, 0, 0, Phase::FinalizingPartiallyFailed),
    ] {
        let mut world = world(phase);
        world.operations = Operations { unfinished, failed };
        assert_eq!(world.next(0), Step::Enter(expect), "{phase} {unfinished} {failed}");
    }
}

#[test]
fn waiting_waits_until_its_deadline() {
    for phase in [Phase::WaitingForPluginOperations, Phase::WaitingForPluginOperationsPartiallyFailed] {
        let mut world = world(phase);
        world.operations = Operations { unfinished: 1, failed: 0 };
        assert!(matches!(world.next(DAY + 4 * 60), Step::Wait(_)));
        assert_eq!(world.next(DAY + 4 * 60 + 1), Step::Enter(Phase::FinalizingPartiallyFailed));
    }
}

#[test]
fn finalizing_finalizes_until_its_deadline() {
    for phase in [Phase::Finalizing, Phase::FinalizingPartiallyFailed] {
        assert_eq!(world(phase).next(DAY), Step::Finalize);
        assert!(matches!(world(phase).next(DAY + 5 * 60 + 1), Step::Fail(_)));
    }
    assert_eq!(after_finalize(Phase::Finalizing, 0), Phase::Completed);
    assert_eq!(after_finalize(Phase::Finalizing, 1), Phase::PartiallyFailed);
    assert_eq!(after_finalize(Phase::FinalizingPartiallyFailed, 0), Phase::PartiallyFailed);
}

#[test]
fn an_end_rests() {
    for phase in [Phase::FailedValidation, Phase::Completed, Phase::PartiallyFailed, Phase::Failed] {
        let mut world = world(phase);
        assert_eq!(world.next(0), Step::Rest);
        world.journal = Journal::Done { errors: 0 };
        assert_eq!(world.next(0), Step::Rest);
    }
}

#[test]
fn what_is_not_ours_is_left_alone() {
    for phase in [Phase::Deleting, Phase::Unknown] {
        assert_eq!(world(phase).next(0), Step::Rest);
    }
    let mut world = world(Phase::InProgress);
    world.backup.metadata.deletion_timestamp = Some(Time(at(0)));
    assert_eq!(world.next(0), Step::Rest);
}

#[test]
fn every_phase_that_is_no_end_leads_on_in_time() {
    for text in Phase::TEXTS {
        let phase: Phase = text.parse().unwrap();
        if phase.is_terminal() || phase == Phase::Deleting {
            continue;
        }
        let mut world = world(phase).with(vec![backup("a", Phase::InProgress, 0, &["shop"])]);
        world.operations = Operations { unfinished: 1, failed: 0 };
        let step = world.next(365 * DAY);
        assert!(!matches!(step, Step::Wait(_) | Step::Rest), "{phase}: {step:?}");
    }
}
