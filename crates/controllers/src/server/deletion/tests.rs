//! Deletion in a world in memory: what goes, what stays, and dying at every call.

use super::*;
use crate::objects::patch;
use crate::testing::{DyingStore, World, backup, object, stands_still, store_error};
use cluster::fake::{Fault, Faulty};
use store::ErrorKind;
use store::backup_files::gzip_json;
use store::bucket::BackupFile;

fn request(name: &str, backup: &str) -> Value {
    object("DeleteBackupRequest", name, json!({"backupName": backup}), json!({}))
}

/// A backup with files, journal and restores, another one, and two requests to delete the first.
async fn world() -> World {
    let world = World::new();
    for name in ["b", "b2"] {
        world.seed(backup(name, "Completed"));
        for file in ["velero-backup.json", "NAME.tar.gz", "NAME-logs.gz"] {
            world.put(&format!("backups/{name}/{}", file.replace("NAME", name)), "x").await;
        }
        world.seed(object("Restore", &format!("r-{name}"), json!({"backupName": name}), json!({})));
    }
    world.put("plugins/salvor/operations/uid-b/done.json", "x").await;
    world.seed(request("d", "b"));
    world.seed(request("d2", "b"));
    world
}

async fn errors(world: &World) -> Vec<String> {
    let request = world.get::<DeleteBackupRequest>("d").await.unwrap();
    assert_eq!(request.status.phase, DeleteBackupRequestPhase::Processed);
    request.status.errors
}

#[tokio::test(start_paused = true)]
async fn everything_of_the_backup_goes_and_nothing_else() {
    let world = world().await;
    world.reconcile(&SPEC, "d").await.unwrap();
    assert!(
        world.memory.keys().iter().all(|key| key.starts_with("backups/b2/")),
        "{:?}",
        world.memory.keys()
    );
    assert_eq!(world.memory.keys().len(), 3);
    assert!(world.get::<Backup>("b").await.is_none() && world.get::<Backup>("b2").await.is_some());
    assert!(world.get::<Restore>("r-b").await.is_none() && world.get::<Restore>("r-b2").await.is_some());
    for name in ["d", "d2"] {
        assert!(world.get::<DeleteBackupRequest>(name).await.is_none(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_call_it_ends_the_same() {
    let expect = world().await;
    expect.reconcile(&SPEC, "d").await.unwrap();
    let check = async |world: &World, what: &str| {
        if world.get::<DeleteBackupRequest>("d").await.is_some() {
            world.reconcile(&SPEC, "d").await.unwrap();
        }
        assert_eq!((world.state(), world.memory.keys()), (expect.state(), expect.memory.keys()), "{what}");
    };
    let mut faults = 0;
    for calls in 0.. {
        let world = world().await;
        let survived = world.survives(&SPEC, "d", calls).await;
        check(&world, &format!("store, call {calls}")).await;
        if survived {
            break;
        }
        faults += 1;
    }
    for fault in [Fault::write, |nth| Fault::write(nth).after_effect()] {
        for nth in 1.. {
            let world = world().await;
            let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(fault(nth).then_dead())));
            let deps = world.deps_with(faulty, Ok(Arc::new(world.memory.clone())));
            let survived = world.reconcile_with(&SPEC, "d", &deps).await.is_ok();
            check(&world, &format!("{:?}", fault(nth))).await;
            if survived {
                break;
            }
            faults += 1;
        }
    }
    assert!(faults > 20, "only {faults} faults struck");
}

/// A leader stands still at a call while another one deletes everything, and while everything is made anew under the old
/// names.
#[tokio::test(start_paused = true)]
async fn a_leader_that_stood_still_deletes_nothing_that_came_later() {
    for nth in 1.. {
        let world = world().await;
        let faulty = Faulty::new(Arc::new(world.fake.clone()), Some(Fault::call(nth).late()));
        let ice = faulty.ice();
        let store = DyingStore::of(world.memory.clone(), faulty.death());
        let late = world.deps_with(Arc::new(faulty), Ok(Arc::new(store)));
        let first = world.reconcile_with(&SPEC, "d", &late);
        tokio::pin!(first);
        if !stands_still(first.as_mut(), &ice).await {
            assert!(nth > 10, "the loop has stopped {nth} calls only");
            return;
        }
        if world.get::<DeleteBackupRequest>("d").await.is_some() {
            world.reconcile(&SPEC, "d").await.unwrap();
        }
        let restore = object("Restore", "r-b", json!({"backupName": "b"}), json!({}));
        for mut document in [backup("b", "Completed"), restore, request("d", "b"), request("d2", "b")] {
            document["metadata"]["uid"] = json!(format!("of-{nth}-{}", document["kind"]));
            world.seed(document);
        }
        world.put("backups/b/velero-backup.json", "y").await;
        let (objects, keys) = (world.state(), world.memory.keys());
        ice.thaw();
        let _deposed = first.await;
        assert_eq!(world.state(), objects, "call {nth}");
        assert_eq!(world.memory.keys(), keys, "call {nth}");
    }
}

#[tokio::test]
async fn refusals_say_why_in_the_words_of_velero() {
    for (backup_name, change, expect) in [
        ("", json!(null), "spec.backupName is required"),
        ("nothing", json!(null), "backup not found"),
        ("b", json!({"status": {"phase": "InProgress"}}), "backup is still in progress"),
        ("b", json!({"spec": {"storageLocation": "x"}}), "backup storage location x not found"),
    ] {
        let world = World::new();
        world.seed(backup("b", "Completed"));
        world.seed(request("d", backup_name));
        if !change.is_null() {
            patch::<Backup>(&world.deps(), "b", change).await.unwrap();
        }
        world.reconcile(&SPEC, "d").await.unwrap();
        assert_eq!(errors(&world).await, [expect]);
        assert!(world.get::<Backup>("b").await.is_some());
    }
    for (change, expect) in [
        (json!({"spec": {"accessMode": "ReadOnly"}}), "read-only mode"),
        (json!({"status": {"phase": "Unavailable"}}), "not available"),
    ] {
        let world = world().await;
        patch::<BackupStorageLocation>(&world.deps(), "default", change).await.unwrap();
        world.reconcile(&SPEC, "d").await.unwrap();
        let start = "cannot delete backup because backup storage location default is ".to_owned();
        let errors = errors(&world).await;
        assert!(
            errors.len() == 1 && errors[0].starts_with(&start) && errors[0].ends_with(expect),
            "{errors:?}"
        );
        assert_eq!(world.memory.keys().len(), 7);
    }
}

#[tokio::test]
async fn data_of_volumes_is_not_lost_sight_of() {
    let world = world().await;
    let snapshots =
        json!([{"spec": {"providerVolumeID": "vol-1"}, "status": {"providerSnapshotID": "snap-1"}}]);
    let key = BackupFile::VolumeSnapshots.key("b");
    world.put(&key, gzip_json(&key, &snapshots).unwrap()).await;
    world.reconcile(&SPEC, "d").await.unwrap();
    let errors = errors(&world).await;
    assert!(errors[0].contains("1 native snapshots"), "{errors:?}");
    assert!(world.memory.keys().contains(&"backups/b/velero-backup.json".to_owned()));
    assert_eq!(world.get::<Backup>("b").await.unwrap().status.phase, BackupPhase::Completed);
    assert!(
        world.get::<Restore>("r-b").await.is_some(),
        "nothing is deleted before it is known that all can be"
    );
}

#[tokio::test]
async fn a_damaged_list_does_not_keep_a_backup() {
    let world = world().await;
    world.put(&BackupFile::VolumeSnapshots.key("b"), "this is not gzip").await;
    world.reconcile(&SPEC, "d").await.unwrap();
    assert!(world.get::<Backup>("b").await.is_none());
}

#[tokio::test]
async fn a_store_that_refuses_for_good_is_an_error_of_the_request() {
    let world = world().await;
    let denied = Err(store_error(ErrorKind::Denied, "AccessDenied"));
    let deps = world.deps_with(Arc::new(world.fake.clone()), denied);
    assert!(world.reconcile_with(&SPEC, "d", &deps).await.is_err(), "opening is tried again");
    let mut deletion =
        Deletion { deps: &deps, name: "d".into(), progress: Progress::default(), restores: BTreeMap::new() };
    deletion.keep(Err(store_error(ErrorKind::Denied, "AccessDenied").into())).unwrap();
    assert_eq!(deletion.progress.errors.len(), 1);
    assert!(deletion.keep(Err(store_error(ErrorKind::Unavailable, "503").into())).is_err());
}

#[tokio::test]
async fn answered_requests_stay_a_day() {
    let world = World::new();
    world.seed(request("d", "nothing"));
    world.reconcile(&SPEC, "d").await.unwrap();
    assert!(matches!(world.reconcile(&SPEC, "d").await.unwrap(), Next::After(_)));
    world.pass(Duration::from_secs(24 * 3600));
    world.reconcile(&SPEC, "d").await.unwrap();
    assert!(world.get::<DeleteBackupRequest>("d").await.is_none());
}
