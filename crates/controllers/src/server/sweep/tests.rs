//! Leftovers in a world in memory: what goes, what stays, and a server that dies while it sweeps.

use super::*;
use crate::objects::{delete as delete_object, patch, patch_status};
use crate::operation::configmaps::ConfigMaps;
use crate::testing::{World, backup, object};
use serde_json::json;

/// The owner file of a journal.
async fn owner_file(world: &World, installation: &str, kind: &str, name: &str) -> String {
    let ours = installation == "ours";
    let installation =
        if ours { super::installation(&world.deps()).await.unwrap() } else { "else".to_owned() };
    json!({"v": 1, "installation": installation, "kind": kind, "name": name}).to_string()
}

/// A location with a journal of each sort, two hours old. Backup `running` runs, `ended` has failed, `gone` was deleted.
async fn world() -> World {
    let world = World::new();
    world.seed(backup("running", "InProgress"));
    world.seed(backup("ended", "Failed"));
    world.seed(object("Restore", "restore", json!({"backupName": "b"}), json!({"phase": "PartiallyFailed"})));
    for (uid, installation, kind, name) in [
        ("uid-running", "ours", "Backup", "running"),
        ("uid-ended", "ours", "Backup", "ended"),
        ("uid-gone", "ours", "Backup", "gone"),
        ("uid-restore", "ours", "Restore", "restore"),
        ("uid-theirs", "theirs", "Backup", "theirs"),
    ] {
        let owner = owner_file(&world, installation, kind, name).await;
        world.put(&format!("plugins/salvor/operations/{uid}/owner.json"), owner).await;
        world.put(&format!("plugins/salvor/operations/{uid}/spool/00000000.gz"), "x").await;
    }
    for name in ["running", "ended", "gone", "theirs", "velero"] {
        world.put(&format!("backups/{name}/{name}.tar.gz"), "x").await;
        world.put(&format!("backups/{name}/{name}-logs.gz"), "x").await;
    }
    world.pass(Duration::from_secs(7200));
    world
}

/// The folders of `top`, with how many files each has.
fn folders(world: &World, top: &str) -> Vec<String> {
    let keys = world.memory.keys();
    let mut names: Vec<&str> =
        keys.iter().filter_map(|key| key.strip_prefix(top)?.split('/').next()).collect();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            format!("{name} {}", keys.iter().filter(|key| key.starts_with(&format!("{top}{name}/"))).count())
        })
        .collect()
}

const LEFT: ([&str; 2], [&str; 4]) =
    (["uid-running 2", "uid-theirs 2"], ["ended 1", "running 2", "theirs 2", "velero 2"]);

fn check_left(world: &World, case: &str) {
    assert_eq!(folders(world, OPERATIONS), LEFT.0, "{case}");
    assert_eq!(folders(world, "backups/"), LEFT.1, "{case}");
}

#[tokio::test]
async fn what_nobody_needs_goes_and_what_others_may_write_stays() {
    let world = world().await;
    world.reconcile(&SPEC, "default").await.unwrap();
    check_left(&world, "once");
    assert!(world.memory.keys().contains(&"backups/ended/ended-logs.gz".to_owned()));
    world.reconcile(&SPEC, "default").await.unwrap();
    check_left(&world, "again");
    world.pass(Duration::from_secs(31 * 24 * 3600));
    world.reconcile(&SPEC, "default").await.unwrap();
    assert_eq!(folders(&world, OPERATIONS), ["uid-running 2"], "the others are silent for too long");
    assert_eq!(folders(&world, "backups/"), LEFT.1);
}

#[tokio::test]
async fn a_folder_is_left_alone_while_it_is_fresh() {
    let world = world().await;
    world.put("backups/gone/gone-results.gz", "just now").await;
    world.reconcile(&SPEC, "default").await.unwrap();
    assert!(folders(&world, "backups/").contains(&"gone 3".to_owned()));
    assert!(folders(&world, OPERATIONS).contains(&"uid-gone 2".to_owned()), "it says whose the folder is");
    world.pass(Duration::from_secs(7200));
    world.reconcile(&SPEC, "default").await.unwrap();
    check_left(&world, "later");
}

#[tokio::test]
async fn a_journal_that_does_not_say_whose_it_is_keeps_every_folder_for_a_while() {
    let world = world().await;
    world.put("plugins/salvor/operations/uid-unknown/plan.json.gz", "x").await;
    let before = folders(&world, "backups/");
    world.reconcile(&SPEC, "default").await.unwrap();
    assert_eq!(folders(&world, "backups/"), before);
    for _ in 0..2 {
        world.pass(Duration::from_secs(31 * 24 * 3600));
        world.reconcile(&SPEC, "default").await.unwrap();
    }
    assert_eq!(folders(&world, "backups/"), LEFT.1);
    assert_eq!(folders(&world, OPERATIONS), ["uid-running 2"]);
}

#[tokio::test]
async fn an_upload_that_nobody_finished_is_given_up_once_nobody_can_be_at_it() {
    let world = World::new();
    let upload = world.memory.upload("backups/b/b.tar.gz").await.unwrap();
    // Forgotten, not dropped: as a process that was killed leaves it.
    std::mem::forget(upload);
    let unfinished = async |world: &World| {
        world.reconcile(&SPEC, "default").await.unwrap();
        world.memory.unfinished()
    };
    world.pass(Duration::from_secs(47 * 3600));
    assert_eq!(unfinished(&world).await, 1, "somebody may be at it");
    world.pass(Duration::from_secs(2 * 3600));
    assert_eq!(unfinished(&world).await, 0);
}

#[tokio::test]
async fn killed_at_any_call_it_ends_the_same() {
    for calls in 0.. {
        let world = world().await;
        let survived = world.survives(&SPEC, "default", calls).await;
        world.reconcile(&SPEC, "default").await.unwrap();
        check_left(&world, &format!("call {calls}"));
        if survived {
            assert!(calls > 10, "the loop has cut off {calls} calls only");
            return;
        }
    }
}

#[tokio::test]
async fn a_location_that_may_not_be_written_to_is_not() {
    let world = world().await;
    let read_only = json!({"spec": {"accessMode": "ReadOnly"}});
    patch::<BackupStorageLocation>(&world.deps(), "default", read_only).await.unwrap();
    let before = world.memory.keys();
    world.reconcile(&SPEC, "default").await.unwrap();
    assert_eq!(world.memory.keys(), before);
}

#[tokio::test]
async fn files_in_the_cluster_go_with_what_needs_them() {
    let world = World::new();
    let deps = world.deps();
    world.seed(object("Restore", "r", json!({"backupName": "b"}), json!({"phase": "InProgress"})));
    let owner = json!({"apiVersion": "velero.io/v1", "kind": "Restore", "name": "r", "uid": "uid-r"});
    let mut maps = ConfigMaps::open(&deps, "uid-r", owner).await.unwrap();
    for file in ["plan.json.gz", "restore-r-logs.gz"] {
        maps.put(&deps, file, "x".into()).await.unwrap();
    }
    let journals = async |world: &World| {
        world.reconcile(&SPEC, "default").await.unwrap();
        held(&world.deps()).await.unwrap().iter().map(|held| held.of_journal).collect::<Vec<_>>()
    };
    assert_eq!(journals(&world).await, [true, false], "it runs");
    patch_status::<Restore>(&deps, "r", json!({"phase": "Failed"})).await.unwrap();
    assert_eq!(journals(&world).await, [false], "it has ended");
    delete_object::<Restore>(&deps, "r", "").await.unwrap();
    assert!(journals(&world).await.is_empty(), "it has gone");
}
