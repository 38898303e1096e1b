//! One world, changed in one place a case: what goes then.

use super::*;
use serde_json::json;

fn now() -> Timestamp {
    "2026-05-20T10:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Option<Timestamp> {
    Some(now() - SignedDuration::from_mins(minutes))
}

fn journal(uid: &str, installation: &str, name: &str) -> Journal {
    let owner = Owner { installation: installation.into(), kind: Kind::Backup, name: name.into() };
    Journal { uid: uid.into(), owner: Some(owner), written: ago(90) }
}

/// The location and the cluster after a backup was cut off: its journal, its half-written folder, and its Backup.
struct World {
    journals: Vec<Journal>,
    folders: Vec<Folder>,
    operations: Vec<Operation>,
}

fn world(state: Option<bool>) -> World {
    let folder = Folder { backup: "b".into(), marker: false, leftovers: true, written: ago(90) };
    let operation = |ended| Operation { kind: Kind::Backup, name: "b".into(), uid: "u".into(), ended };
    World {
        journals: vec![journal("u", "us", "b")],
        folders: vec![folder],
        operations: state.map(operation).into_iter().collect(),
    }
}

fn check(case: &str, world: &World, folder: Option<Extent>, journals: &[&str]) {
    let World { journals: found, folders, operations } = world;
    let plan = plan(&Observed { installation: "us", journals: found, folders, operations }, now());
    let folders: Vec<_> = folder.map(|extent| ("b".to_owned(), extent)).into_iter().collect();
    assert_eq!(
        (plan.folders, plan.journals),
        (folders, journals.iter().map(|&uid| uid.into()).collect()),
        "{case}"
    );
}

fn checked(
    case: &str,
    state: Option<bool>,
    change: impl FnOnce(&mut World),
    (folder, journals): (Option<Extent>, &[&str]),
) {
    let mut world = world(state);
    change(&mut world);
    check(case, &world, folder, journals);
}

const NOTHING: (Option<Extent>, &[&str]) = (None, &[]);
const JOURNAL: (Option<Extent>, &[&str]) = (None, &["u"]);
const ALL: (Option<Extent>, &[&str]) = (Some(Extent::Whole), &["u"]);
const REST: (Option<Extent>, &[&str]) = (Some(Extent::ButItsReport), &["u"]);

#[test]
fn what_a_backup_without_an_object_left_goes() {
    checked("deleted meanwhile", None, |_| {}, ALL);
    checked("it was committed", None, |of| of.folders[0].marker = true, JOURNAL);
    checked("nothing was written", None, |of| of.folders.clear(), JOURNAL);
    checked("nothing but its report", None, |of| of.folders[0].leftovers = false, ALL);
}

#[test]
fn what_a_failed_backup_left_goes_but_for_its_report() {
    checked("failed", Some(true), |_| {}, REST);
    checked("only its report is there", Some(true), |of| of.folders[0].leftovers = false, JOURNAL);
    checked("complete", Some(true), |of| of.folders[0].marker = true, JOURNAL);
}

#[test]
fn nothing_goes_of_what_may_go_on() {
    checked("under way", Some(false), |_| {}, NOTHING);
    checked("written just now", None, |of| of.folders[0].written = ago(59), NOTHING);
    checked("nobody knows when", None, |of| of.folders[0].written = None, NOTHING);
    checked("of another installation", None, |of| of.journals = vec![journal("u", "them", "b")], NOTHING);
    checked("of nobody", None, |of| of.journals[0].owner = None, NOTHING);
    let other = |of: &mut World| of.journals.push(journal("v", "them", "b"));
    checked("another installation has a backup of the name", None, other, NOTHING);
    let unknown = |of: &mut World| of.journals.push(Journal { owner: None, ..journal("v", "", "") });
    checked("a journal that does not say what it is of", None, unknown, NOTHING);
}

#[test]
fn a_younger_backup_of_the_name_keeps_its_folder() {
    for ended in [false, true] {
        let younger = |of: &mut World| {
            of.operations.push(Operation { kind: Kind::Backup, name: "b".into(), uid: "v".into(), ended });
        };
        checked("made anew", None, younger, JOURNAL);
    }
    let restore = |of: &mut World| {
        of.operations.push(Operation {
            kind: Kind::Restore,
            name: "b".into(),
            uid: "v".into(),
            ended: false,
        });
    };
    checked("a restore of the name", None, restore, ALL);
}

#[test]
fn two_dead_journals_of_one_name_do_not_keep_each_other() {
    let mut world = world(None);
    world.journals.push(journal("v", "us", "b"));
    let World { journals, folders, operations } = &world;
    let plan = plan(&Observed { installation: "us", journals, folders, operations }, now());
    assert_eq!(plan.journals, ["u", "v"]);
    assert!(plan.folders.iter().all(|folder| *folder == ("b".to_owned(), Extent::Whole)));
}

#[test]
fn foreign_journals_go_after_a_long_silence_and_never_take_a_folder_along() {
    let silence = SILENCE_MAX.as_secs() / 60;
    for owner in [None, journal("u", "them", "b").owner] {
        for (written, gone) in [(ago(silence), NOTHING), (ago(silence + 1), JOURNAL), (None, NOTHING)] {
            let foreign = |of: &mut World| {
                of.journals = vec![Journal { uid: "u".into(), owner: owner.clone(), written }];
            };
            checked("foreign", None, foreign, gone);
        }
    }
    let alive = |of: &mut World| {
        of.journals = vec![Journal { uid: "u".into(), owner: None, written: ago(silence + 1) }];
    };
    checked("its object is here, and it goes on", Some(false), alive, NOTHING);
}

#[test]
fn journals_of_restores_have_no_folder() {
    let restore = |of: &mut World| {
        let owner = Owner { installation: "us".into(), kind: Kind::Restore, name: "b".into() };
        of.journals[0].owner = Some(owner);
    };
    checked("a restore", None, restore, JOURNAL);
    let mut world = world(None);
    restore(&mut world);
    assert!(folders_of(&world.journals, "us").is_empty());
    assert_eq!(
        folders_of(&[journal("u", "us", "b"), journal("v", "them", "c")], "us"),
        BTreeSet::from(["b".into()])
    );
}

#[test]
fn a_server_that_does_not_know_itself_owns_nothing() {
    let World { folders, operations, .. } = world(None);
    let journals = [journal("u", "", "b")];
    let plan = plan(
        &Observed { installation: "", journals: &journals, folders: &folders, operations: &operations },
        now(),
    );
    assert_eq!(plan, Plan::default());
}

#[test]
fn an_operation_has_ended_if_its_phase_is_known_to_be_an_end() {
    for (phase, ended) in [
        (json!("Completed"), true),
        (json!("Failed"), true),
        (json!("FailedValidation"), true),
        (json!("InProgress"), false),
        (json!("Deleting"), false),
        (json!("Newer"), false),
        (json!(null), false),
        (json!(7), false),
    ] {
        let document = json!({"metadata": {"name": "n", "uid": "u"}, "status": {"phase": phase}});
        for kind in [Kind::Backup, Kind::Restore] {
            let expect = Operation { kind, name: "n".into(), uid: "u".into(), ended };
            assert_eq!(Operation::of(kind, &document), expect, "{phase}");
        }
    }
}

#[test]
fn the_report_of_a_plan_that_was_refused_stays_as_long_as_its_restore() {
    for (phase, ended) in [("FailedValidation", false), ("Completed", true), ("PartiallyFailed", true)] {
        let annotations = json!({"salvor.io/expected-plan": "sha256:00"});
        let document =
            json!({"metadata": {"name": "n", "annotations": annotations}, "status": {"phase": phase}});
        assert_eq!(Operation::of(Kind::Restore, &document).ended, ended, "{phase}");
    }
}

#[test]
fn files_in_the_cluster_are_needed_as_long_as_their_operation() {
    let operation = |ended| Operation { kind: Kind::Restore, name: "r".into(), uid: "u".into(), ended };
    for (of_journal, operations, needed) in [
        (true, vec![operation(false)], true),
        (true, vec![operation(true)], false),
        (false, vec![operation(true)], true),
        (false, vec![], false),
    ] {
        assert_eq!(is_needed("u", of_journal, &operations), needed, "{of_journal} {operations:?}");
    }
}
