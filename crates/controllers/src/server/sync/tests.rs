//! Sync between a bucket and a cluster in memory, and dying at every call.

use super::*;
use crate::testing::{World, backup, object};
use api::labels::{BACKUP_UID, MANIFEST_SHA256, STORAGE_LOCATION};
use api::velero::v1::BackupPhase;
use cluster::fake::{Fault, Faulty};
use store::Put;
use store::backup_files::{Commit, gzip_json};

/// A stored Backup, as another cluster wrote it.
fn stored(name: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "velero.io/v1", "kind": "Backup",
        "metadata": {
            "name": name, "namespace": "elsewhere", "uid": "old", "resourceVersion": "7", "generation": 3,
            "labels": {"velero.io/storage-location": "theirs", "team": "a"},
            "ownerReferences": [
                {"apiVersion": "velero.io/v1", "kind": "Schedule", "name": "daily", "uid": "s"},
                {"apiVersion": "velero.io/v1", "kind": "Schedule", "name": "gone", "uid": "t"},
            ],
            "managedFields": [{"manager": "x"}],
        },
        "spec": {"storageLocation": "theirs", "unknownField": {"a": [1, 2]}},
        "status": {"phase": phase, "expiration": "2026-06-01T00:00:00Z"},
    })
}

async fn put(world: &World, name: &str, marker: &Value) {
    world.put(&format!("backups/{name}/velero-backup.json"), marker.to_string()).await;
}

/// A bucket with two backups, one of which has pod volumes, and a cluster with one that has gone.
async fn world() -> World {
    let world = World::new();
    put(&world, "a", &stored("a", "Completed")).await;
    put(&world, "b", &stored("b", "PartiallyFailed")).await;
    let volume = |name: &str| {
        json!({"metadata": {"name": name, "namespace": "elsewhere", "uid": "v", "labels": {BACKUP_UID: "old"},
                "ownerReferences": [{"apiVersion": "velero.io/v1", "kind": "Backup", "name": "a", "uid": "old"}]},
               "spec": {"volume": "data", "backupStorageLocation": "theirs"}, "status": {"phase": "Completed"}})
    };
    let key = BackupFile::PodVolumeBackups.key("a");
    world.put(&key, gzip_json(&key, &[volume("a-1"), volume("a-2")]).unwrap()).await;
    world.seed(object("Schedule", "daily", json!({}), json!({})));
    world.seed(backup("gone", "Completed"));
    world.seed(backup("running", "InProgress"));
    let mut elsewhere = backup("other", "Completed");
    engine::document::set_label(&mut elsewhere, STORAGE_LOCATION, "another");
    world.seed(elsewhere);
    world
}

async fn events(world: &World) -> Vec<String> {
    let events = world.fake.objects().into_iter().filter(|object| object["kind"] == "Event");
    events.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_stored_is_imported_and_what_has_gone_is_forgotten() {
    let world = world().await;
    assert_eq!(world.reconcile(&SPEC, "default").await.unwrap(), Next::After(Duration::from_secs(60)));
    for (name, there) in [("a", true), ("b", true), ("gone", false), ("running", true), ("other", true)] {
        assert_eq!(world.get::<Backup>(name).await.is_some(), there, "{name}");
    }
    let document = world.state().into_iter().find(|object| object["metadata"]["name"] == "a").unwrap();
    assert_eq!(document["spec"], json!({"storageLocation": "default", "unknownField": {"a": [1, 2]}}));
    assert_eq!(document["metadata"]["labels"], json!({"velero.io/storage-location": "default", "team": "a"}));
    assert_eq!(document["metadata"].get("annotations").and_then(|all| all.get(PENDING)), None);
    let imported = world.get::<Backup>("a").await.unwrap();
    assert!(imported.metadata.owner_references.unwrap_or_default().is_empty(), "uid-daily is not s");
    let volume = world.get::<PodVolumeBackup>("a-2").await.unwrap();
    assert_eq!(volume.metadata.labels.unwrap()[BACKUP_UID], imported.metadata.uid.clone().unwrap());
    assert_eq!(volume.metadata.owner_references.unwrap()[0].uid, imported.metadata.uid.unwrap());
    assert_eq!(volume.spec.backup_storage_location, "default");
    let location = world.get::<BackupStorageLocation>("default").await.unwrap();
    assert_eq!(location.status.last_synced_time.unwrap().0, world.deps().now());
}

#[tokio::test]
async fn killed_at_any_call_it_ends_the_same() {
    let expect = world().await;
    expect.reconcile(&SPEC, "default").await.unwrap();
    let mut faults = 0;
    for calls in 0.. {
        let world = world().await;
        let survived = world.survives(&SPEC, "default", calls).await;
        world.reconcile(&SPEC, "default").await.unwrap();
        assert_eq!(world.state(), expect.state(), "store, call {calls}");
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
            let survived = world.reconcile_with(&SPEC, "default", &deps).await.is_ok();
            world.reconcile(&SPEC, "default").await.unwrap();
            assert_eq!(world.state(), expect.state(), "{:?}", fault(nth));
            if survived {
                break;
            }
            faults += 1;
        }
    }
    assert!(faults > 15, "only {faults} faults struck");
}

#[tokio::test]
async fn backups_that_others_still_work_on_are_left_alone() {
    for (phase, expiration, expect) in [
        ("Finalizing", "2026-06-01T00:00:00Z", None),
        ("WaitingForPluginOperations", "2026-06-01T00:00:00Z", None),
        ("FinalizingPartiallyFailed", "2025-12-01T00:00:00Z", Some(BackupPhase::PartiallyFailed)),
        ("InProgress", "2026-06-01T00:00:00Z", None),
        ("", "2026-06-01T00:00:00Z", None),
        ("Sideways", "2026-06-01T00:00:00Z", None),
        ("Failed", "2026-06-01T00:00:00Z", Some(BackupPhase::Failed)),
    ] {
        let world = World::new();
        let mut marker = stored("a", phase);
        marker["status"]["expiration"] = json!(expiration);
        put(&world, "a", &marker).await;
        world.reconcile(&SPEC, "default").await.unwrap();
        assert_eq!(world.get::<Backup>("a").await.map(|backup| backup.status.phase), expect, "{phase}");
    }
}

#[tokio::test]
async fn what_is_no_backup_is_reported_and_stops_no_other() {
    for (marker, expect) in [
        ("not json", "decode"),
        ("[]", "not an object"),
        ("{}", "not a Backup of velero.io/v1"),
        (&stored("b", "Completed").to_string(), "names it \"b\""),
        (
            r#"{"apiVersion":"velero.io/v1","kind":"Restore","metadata":{"name":"a"}}"#,
            "not a Backup of velero.io/v1",
        ),
    ] {
        let world = World::new();
        world.put("backups/a/velero-backup.json", marker.to_owned()).await;
        put(&world, "z", &stored("z", "Completed")).await;
        world.reconcile(&SPEC, "default").await.unwrap();
        world.pass(Duration::from_secs(60));
        world.reconcile(&SPEC, "default").await.unwrap();
        assert!(world.get::<Backup>("z").await.is_some() && world.get::<Backup>("a").await.is_none());
        let events = events(&world).await;
        assert_eq!(events.len(), 1, "once, however often it is met");
        assert!(events[0].contains(expect) && events[0].contains("SLV-3110"), "{events:?}");
    }
}

#[tokio::test]
async fn a_backup_that_is_not_as_its_manifest_says_is_reported_and_not_imported() {
    let world = World::new();
    for name in ["good", "late"] {
        let mut commit = Commit::begin(&world.memory, name).await.unwrap();
        commit.bytes(BackupFile::Contents, "archive".into()).await.unwrap();
        commit.finish(&stored(name, "Completed")).await.unwrap();
    }
    world.memory.put("backups/late/late.tar.gz", "something else".into(), Put::Overwrite).await.unwrap();
    world.reconcile(&SPEC, "default").await.unwrap();
    let good = world.get::<Backup>("good").await.unwrap();
    assert!(good.metadata.annotations.unwrap().contains_key(MANIFEST_SHA256));
    assert!(world.get::<Backup>("late").await.is_none());
    let events = events(&world).await;
    assert!(
        events.len() == 1 && events[0].contains("late.tar.gz") && events[0].contains("SLV-3109"),
        "{events:?}"
    );
}

#[tokio::test]
async fn the_period_is_that_of_the_location_or_the_server() {
    let world = World::new();
    let deps = world.deps();
    let sync = async |period: Value| {
        patch::<BackupStorageLocation>(&deps, "default", json!({"spec": {"backupSyncPeriod": period}}))
            .await
            .unwrap();
        world.reconcile(&SPEC, "default").await.unwrap()
    };
    assert_eq!(sync(json!("0s")).await, Next::Wait);
    assert_eq!(sync(json!("5m0s")).await, Next::After(Duration::from_secs(300)));
    world.pass(Duration::from_secs(100));
    assert_eq!(sync(json!("5m0s")).await, Next::After(Duration::from_secs(200)));
    assert_eq!(sync(json!("-1s")).await, Next::After(Duration::from_secs(60)));
}

#[test]
fn only_available_locations_are_looked_at() {
    let at = jiff::Timestamp::UNIX_EPOCH;
    assert!((SPEC.concerns)(&json!({"status": {"phase": "Available"}}), at));
    assert!(!(SPEC.concerns)(&json!({"status": {"phase": "Unavailable"}}), at));
    assert!(!(SPEC.concerns)(&json!({}), at));
}
