//! A backup and a restore in a world in memory: whole, and cut off at each call to the cluster and to the store.

mod adjusting;
mod blocks;
mod choosing;
mod deposed;
mod dry_runs;
mod events;
mod hooks;
mod lasting;
mod listing;
mod plans;
mod pods;
mod policies;
mod refusals;
mod relations;
mod statuses;
mod volumes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use api::meta::ResourceType;
use api::velero::v1::{
    Backup, BackupPhase, BackupStorageLocation, Restore, RestorePhase, VolumeSnapshotLocation,
};
use cluster::ErrorKind;
use cluster::fake::{Fault, Faulty};
use cluster::{Cluster, ObjectRef};
use serde_json::{Value, json};
use store::Store;
use store::backup_files::{Caps, gunzip, gzip, read_backup_file, read_restore_file};
use store::bucket::{BackupFile, RestoreFile};

use super::configmaps;
use crate::config::Config;
use crate::deps::Deps;
use crate::objects::{delete, patch};
use crate::runtime::Spec;
use crate::server::{backup, restore, sweep};
use crate::testing::{DyingStore, World, object, store_error};

/// Reconciles that any operation of these tests ends within.
const STEPS_MAX: usize = 40;

fn shop() -> World {
    let world = World::new();
    for of in [
        ResourceType::addressed("", "v1", "namespaces", "Namespace", false),
        ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true),
        ResourceType::addressed("", "v1", "secrets", "Secret", true),
        VolumeSnapshotLocation::resource_type(),
    ] {
        world.fake.define(&of);
    }
    world.seed(json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "shop", "uid": "uid-shop", "labels": {"team": "a", "kubernetes.io/metadata.name": "shop"}}, "status": {"phase": "Active"}}));
    for number in 0..5 {
        for kind in ["ConfigMap", "Secret"] {
            world.seed(json!({"apiVersion": "v1", "kind": kind, "metadata": {
                "name": format!("item-{number}"), "namespace": "shop", "uid": format!("uid-{kind}-{number}")},
                "data": {"number": number.to_string()}, "unknownField": {"kept": true}}));
        }
    }
    world.seed(object("Backup", "b", json!({"includedNamespaces": ["shop"]}), json!({})));
    world
}

/// What the application consists of, without what the server gives objects.
fn application(world: &World) -> BTreeMap<String, Value> {
    let mut objects = BTreeMap::new();
    for mut document in world.fake.objects() {
        let of_shop = document["metadata"]["namespace"] == "shop" || document["metadata"]["name"] == "shop";
        if of_shop {
            let key = format!("{}/{}", document["kind"], document["metadata"]["name"]);
            let labels = engine::document::labels(&document);
            let kept: BTreeMap<_, _> =
                labels.into_iter().filter(|(key, _)| !key.contains("velero.io/")).collect();
            document["metadata"] = json!({ "labels": kept });
            if let Some(root) = document.as_object_mut() {
                root.remove("status");
                // The server gives a namespace its own finalizer.
                root.retain(|field, _| field != "spec" || !key.starts_with("\"Namespace\""));
            }
            objects.insert(key, document);
        }
    }
    objects
}

async fn lose(world: &World) {
    for document in world.fake.objects() {
        if document["metadata"]["namespace"] == "shop" || document["metadata"]["name"] == "shop" {
            let kind = document["kind"].as_str().unwrap();
            let plural = format!("{}s", kind.to_lowercase());
            let namespaced = kind != "Namespace";
            let resource = ResourceType::addressed("", "v1", &plural, kind, namespaced);
            let namespace = namespaced.then(|| "shop".to_owned());
            let name = engine::document::name(&document).to_owned();
            // The namespace takes the rest with it.
            let _gone = world.fake.delete(&ObjectRef { resource, namespace, name }, None).await;
        }
    }
    assert!(application(world).is_empty());
}

/// Works on an object with `deps` until it has ended, or until they fail it.
async fn work(world: &World, deps: &Arc<Deps>, specs: &[&Spec<Deps>], name: &str) -> Result<(), String> {
    for _ in 0..STEPS_MAX {
        let mut concerned = false;
        for spec in specs {
            let at = ObjectRef {
                resource: (spec.watches)(),
                namespace: Some(crate::testing::NAMESPACE.into()),
                name: name.into(),
            };
            let document = world.fake.get(&at).await.unwrap();
            if (spec.concerns)(&document, deps.now()) {
                concerned = true;
                (spec.reconcile)(Arc::clone(deps), document).await.map_err(|error| error.to_string())?;
            }
        }
        if !concerned {
            return Ok(());
        }
    }
    panic!("{name} has not ended after {STEPS_MAX} steps");
}

/// What a server with other settings is given.
fn set(deps: Arc<Deps>, change: impl FnOnce(&mut Config)) -> Arc<Deps> {
    let mut deps = Arc::into_inner(deps).unwrap();
    let mut config = Config::clone(&deps.config);
    change(&mut config);
    deps.config = Arc::new(config);
    Arc::new(deps)
}

const BACKUP: [&Spec<Deps>; 2] = [&backup::QUEUE, &backup::SPEC];
const RESTORE: [&Spec<Deps>; 2] = [&restore::SPEC, &restore::DRY_RUNS];

fn restore_of(world: &World) {
    restore_with(world, json!({}));
}

/// A restore of the backup that is to be made as `spec` says.
/// Has the cluster serve claims and volumes.
fn define_volumes(world: &World) {
    for (plural, kind, namespaced) in [
        ("persistentvolumeclaims", "PersistentVolumeClaim", true),
        ("persistentvolumes", "PersistentVolume", false),
    ] {
        world.fake.define(&ResourceType::addressed("", "v1", plural, kind, namespaced));
    }
}

/// The shop and another namespace that has an object of the same name, and a backup of both.
async fn shop_and_till() -> World {
    let world = shop();
    world.seed(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "till"}}));
    world.seed(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "item-0", "namespace": "till"}}),
    );
    let both = json!({"spec": {"includedNamespaces": ["shop", "till"]}});
    patch::<Backup>(&world.deps(), "b", both).await.unwrap();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    world
}

fn restore_with(world: &World, mut spec: Value) {
    spec["backupName"] = "b".into();
    world.seed(object("Restore", "r", spec, json!({})));
}

#[tokio::test(start_paused = true)]
async fn what_was_backed_up_comes_back() {
    let world = shop();
    let before = application(&world);
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let backup = world.get::<Backup>("b").await.unwrap();
    assert_eq!(backup.status.phase, BackupPhase::Completed, "{:?}", backup.status);
    assert_eq!(backup.status.progress.unwrap().items_backed_up, 11);

    lose(&world).await;
    restore_of(&world);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let restore = world.get::<Restore>("r").await.unwrap();
    assert_eq!(restore.status.phase, RestorePhase::Completed, "{:?}", restore.status);
    assert_eq!(application(&world), before);
    let left: Vec<_> = world.memory.list("plugins/").await.unwrap();
    assert!(left.is_empty(), "journals go with their operations: {left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restore_leaves_every_file_that_velero_looks_for() {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    restore_of(&world);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let mut stored: Vec<_> =
        world.memory.keys().into_iter().filter(|key| key.starts_with("restores/")).collect();
    stored.sort();
    let mut expected = RestoreFile::ALL.map(|file| file.key("r"));
    expected.sort();
    assert_eq!(stored, expected);
    for (file, content) in [
        (RestoreFile::ResourceList, r#""v1/Namespace":["shop(created)"]"#),
        (RestoreFile::ItemOperations, "[]"),
        (RestoreFile::VolumeInfo, "[]"),
        (RestoreFile::Results, "{"),
        (RestoreFile::Logs, "msg=Created name=item-3 namespace=shop resource=secrets restore=velero/r"),
    ] {
        let text = report_of(&world, file, false).await;
        assert!(text.contains(content), "{file:?}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_existing_backup_is_never_overwritten() {
    let world = shop();
    world.put("backups/b/velero-backup.json", r#"{"metadata": {"name": "b", "uid": "another"}}"#).await;
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let backup = world.get::<Backup>("b").await.unwrap();
    assert_eq!(backup.status.phase, BackupPhase::Failed);
    assert_eq!(backup.status.failure_reason, "backup already exists in object storage (SLV-1403)");
    assert_eq!(world.memory.list("backups/b/").await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_restore_cut_off_at_any_call_ends_the_same_and_creates_nothing_twice() {
    cut_off_at_any_call(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_from_a_read_only_location_does_so_too_and_writes_nothing_there() {
    cut_off_at_any_call(true).await;
}

async fn cut_off_at_any_call(read_only: bool) {
    let expected = {
        let world = shop();
        let before = application(&world);
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        before
    };
    let deaths = [
        Fault::call(0).then_dead(),
        Fault::call(0).then_dead().after_effect(),
        // The pod was deleted by force: its token is worth nothing any more, and the process does not know.
        Fault::call(0).then_dead().with(ErrorKind::Unauthorized),
    ];
    for death in deaths {
        for nth in 1.. {
            let world = shop();
            work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
            lose(&world).await;
            restore_of(&world);
            if read_only {
                close(&world).await;
            }
            let stored = world.memory.keys();
            let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(death.at(nth))));
            let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
            let _died = work(&world, &deps, &RESTORE, "r").await;
            work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
            assert_eq!(application(&world), expected, "{death:?} at {nth}");
            let restore = world.get::<Restore>("r").await.unwrap();
            assert_eq!(
                restore.status.phase,
                RestorePhase::Completed,
                "{death:?} at {nth}: {:?}",
                restore.status
            );
            assert_eq!(restore.status.warnings, 0, "{death:?} at {nth}: {:?}", restore.status);
            // Whoever dies between the last status and the end of the journal leaves that to the sweep.
            world.reconcile(&sweep::SPEC, "default").await.unwrap();
            assert_eq!(
                world.memory.keys() == stored,
                read_only,
                "{death:?} at {nth}: {:?}",
                world.memory.keys()
            );
            assert!(journals(&world).await.is_empty(), "{death:?} at {nth}: {:?}", journals(&world).await);
            if !faulty.struck() {
                assert!(nth > 15, "the loop has cut off {nth} calls only");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_whose_token_or_list_ends_at_any_call_ends_the_same() {
    let faults = [
        Fault::call(0).then_dead().with(ErrorKind::Unauthorized),
        // The server has forgotten what a list was to go on from.
        Fault::call(0).with(ErrorKind::Expired),
    ];
    for fault in faults {
        for nth in 1.. {
            let world = shop();
            let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(fault.at(nth))));
            let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
            let _died = work(&world, &deps, &BACKUP, "b").await;
            work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
            let backup = world.get::<Backup>("b").await.unwrap();
            assert_eq!(
                backup.status.phase,
                BackupPhase::Completed,
                "{fault:?} at {nth}: {:?}",
                backup.status
            );
            assert_eq!(backup.status.progress.unwrap().items_backed_up, 11, "{fault:?} at {nth}");
            if !faulty.struck() {
                assert!(nth > 10, "the loop has cut off {nth} calls only");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_cut_off_at_any_call_to_the_store_ends_the_same() {
    for nth in 0.. {
        let world = shop();
        let dying = DyingStore::new(world.memory.clone(), nth);
        let deps = world.deps_with(Arc::new(world.fake.clone()), Ok(Arc::new(dying)));
        let died = work(&world, &deps, &BACKUP, "b").await.is_err();
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        let backup = world.get::<Backup>("b").await.unwrap();
        assert_eq!(backup.status.phase, BackupPhase::Completed, "call {nth}: {:?}", backup.status);
        let findings =
            store::backup_files::verify_manifest(&world.memory, "b", store::backup_files::Depth::Contents);
        assert_eq!(findings.await.unwrap(), [], "call {nth}");
        if !died {
            assert!(nth > 10, "the loop has cut off {nth} calls only");
            return;
        }
    }
}

/// Makes the location read-only.
async fn close(world: &World) {
    let spec = json!({"spec": {"accessMode": "ReadOnly"}});
    patch::<BackupStorageLocation>(&world.deps(), "default", spec).await.unwrap();
}

/// The files of journals, in the location and in the cluster.
async fn journals(world: &World) -> Vec<String> {
    let mut found: Vec<String> =
        world.memory.keys().into_iter().filter(|key| key.starts_with("plugins/")).collect();
    let held = configmaps::held(&world.deps()).await.unwrap();
    found.extend(held.into_iter().filter(|held| held.of_journal).map(|held| held.name));
    found
}

/// Longer than a backup or restore may take.
const TOO_LONG: Duration = Duration::from_secs(25 * 3600);

#[tokio::test(start_paused = true)]
async fn a_backup_that_is_late_leaves_its_report_and_no_marker_unless_it_was_complete() {
    let (mut failed, mut completed) = (0, 0);
    for nth in 0.. {
        let world = shop();
        let dying = DyingStore::new(world.memory.clone(), nth);
        let deps = world.deps_with(Arc::new(world.fake.clone()), Ok(Arc::new(dying)));
        let died = work(&world, &deps, &BACKUP, "b").await.is_err();
        world.pass(TOO_LONG);
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        world.pass(Duration::from_secs(7200));
        world.reconcile(&sweep::SPEC, "default").await.unwrap();
        let status = world.get::<Backup>("b").await.unwrap().status;
        let findings =
            store::backup_files::verify_manifest(&world.memory, "b", store::backup_files::Depth::Contents);
        match status.phase {
            BackupPhase::Failed => {
                failed += 1;
                let reason = "the backup did not end by 2026-01-02T00:00:00Z (SLV-1404)";
                assert_eq!((status.failure_reason.as_str(), status.errors), (reason, 1), "call {nth}");
                let report = ["backups/b/b-logs.gz", "backups/b/b-results.gz"];
                assert_eq!(world.memory.keys(), report, "call {nth}");
                let log = world.memory.get(report[0]).await.unwrap();
                let log = String::from_utf8(gunzip(&log, Caps::SIDE_FILE).unwrap()).unwrap();
                assert!(log.contains("level=error") && log.contains("code=SLV-1404"), "call {nth}: {log}");
                let results: Option<Value> =
                    read_backup_file(&world.memory, "b", BackupFile::Results).await.unwrap();
                assert!(results.unwrap()["errors"]["velero"][0].as_str().unwrap().contains(reason));
            }
            phase => {
                completed += 1;
                assert_eq!(phase, BackupPhase::Completed, "call {nth}: {status:?}");
                assert_eq!(findings.await.unwrap(), [], "call {nth}");
                assert!(journals(&world).await.is_empty(), "call {nth}");
            }
        }
        if !died {
            assert!(failed > 10 && completed > 1, "{failed} failed, {completed} completed");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_was_committed_is_complete_however_late() {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let stored = world.memory.keys();
    // As the server left it that died between the marker and the status.
    let running = json!({"status": {"phase": "InProgress", "completionTimestamp": null}});
    patch::<Backup>(&world.deps(), "b", running).await.unwrap();
    world.pass(TOO_LONG);
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!((status.phase, status.failure_reason.as_str()), (BackupPhase::Completed, ""));
    assert_eq!(world.memory.keys(), stored);
}

#[tokio::test(start_paused = true)]
async fn a_backup_whose_store_is_gone_ends_without_a_report_and_says_so() {
    let world = shop();
    let gone = || Err(store_error(store::ErrorKind::Denied, "403"));
    let deps = world.deps_with(Arc::new(world.fake.clone()), gone());
    work(&world, &deps, &BACKUP, "b").await.unwrap_err();
    world.pass(TOO_LONG);
    work(&world, &deps, &BACKUP, "b").await.unwrap();
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!(status.phase, BackupPhase::Failed);
    let reason = &status.failure_reason;
    assert!(reason.contains("(SLV-1404); its log and results are not stored: failed to list"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_backup_whose_location_becomes_read_only_writes_nothing_more() {
    let world = shop();
    let deps =
        world.deps_with(Arc::new(world.fake.clone()), Ok(Arc::new(DyingStore::new(world.memory.clone(), 9))));
    work(&world, &deps, &BACKUP, "b").await.unwrap_err();
    let stored = world.memory.keys();
    assert!(!stored.is_empty());
    close(&world).await;
    let refused = work(&world, &world.deps(), &BACKUP, "b").await.unwrap_err();
    assert_eq!(refused, "write to location default: it has become read-only");
    world.pass(TOO_LONG);
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!(status.phase, BackupPhase::Failed);
    assert!(status.failure_reason.ends_with("it has become read-only"), "{}", status.failure_reason);
    assert_eq!(world.memory.keys(), stored);
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_never_began_leaves_nothing() {
    let world = shop();
    let waiting = json!({"status": {"phase": "ReadyToStart"}});
    patch::<Backup>(&world.deps(), "b", waiting).await.unwrap();
    world.pass(Duration::from_secs(30 * 24 * 3600));
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!(status.phase, BackupPhase::Failed);
    assert!(status.failure_reason.ends_with("(SLV-1404)"), "{}", status.failure_reason);
    assert!(world.memory.keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_backup_deleted_under_way_left_is_swept_and_nothing_else() {
    for nth in 0.. {
        let world = shop();
        world.put("backups/other/velero-backup.json", "{}").await;
        world.put("backups/half/half.tar.gz", "of somebody else").await;
        let foreign = world.memory.keys();
        let dying = DyingStore::new(world.memory.clone(), nth);
        let deps = world.deps_with(Arc::new(world.fake.clone()), Ok(Arc::new(dying)));
        let died = work(&world, &deps, &BACKUP, "b").await.is_err();
        delete::<Backup>(&world.deps(), "b", "").await.unwrap();
        let committed = world.memory.keys().contains(&"backups/b/velero-backup.json".to_owned());
        world.pass(Duration::from_secs(7200));
        world.reconcile(&sweep::SPEC, "default").await.unwrap();
        assert!(journals(&world).await.is_empty(), "call {nth}");
        assert_eq!(world.memory.keys() == foreign, !committed, "call {nth}: {:?}", world.memory.keys());
        if !died {
            assert!(nth > 10);
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_restore_says_what_it_did_until_then() {
    for read_only in [false, true] {
        let world = shop();
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        lose(&world).await;
        restore_of(&world);
        if read_only {
            close(&world).await;
        }
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        // As it was before its last steps, and nobody looked at it for a long time.
        let running = json!({"status": {"phase": "InProgress", "completionTimestamp": null}});
        patch::<Restore>(&world.deps(), "r", running).await.unwrap();
        world.pass(TOO_LONG);
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        let status = world.get::<Restore>("r").await.unwrap().status;
        assert_eq!((status.phase, status.errors), (RestorePhase::Failed, 1));
        assert_eq!(status.failure_reason, "the restore did not end by 2026-01-02T00:00:00Z (SLV-2020)");
        assert!(status.completion_timestamp.is_some());
        let results = report_of(&world, RestoreFile::Results, read_only).await;
        assert!(results.contains("SLV-2020"), "{results}");
        assert!(journals(&world).await.is_empty());
    }
}

/// A file of the restore, unpacked.
async fn report_of(world: &World, file: RestoreFile, read_only: bool) -> String {
    let packed = match read_only {
        false => world.memory.get(&file.key("r")).await.unwrap(),
        true => {
            let maps = configmaps::ConfigMaps::open(&world.deps(), "uid-r", Value::Null).await.unwrap();
            maps.get(&file.name("r")).unwrap()
        }
    };
    String::from_utf8(gunzip(&packed, Caps::SIDE_FILE).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_restore_cut_off_and_late_lists_what_it_created() {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    restore_of(&world);
    let faulty = Faulty::new(Arc::new(world.fake.clone()), Some(Fault::call(22).then_dead()));
    let deps = world.deps_with(Arc::new(faulty), Ok(Arc::new(world.memory.clone())));
    work(&world, &deps, &RESTORE, "r").await.unwrap_err();
    assert!(!journals(&world).await.is_empty(), "it was cut off before it had a journal");
    world.pass(TOO_LONG);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    assert_eq!(world.get::<Restore>("r").await.unwrap().status.phase, RestorePhase::Failed);
    let list: Option<Value> = read_restore_file(&world.memory, "r", RestoreFile::ResourceList).await.unwrap();
    assert_eq!(list.unwrap()["v1/Namespace"], json!(["shop(created)"]));
    assert!(journals(&world).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_is_refused_names_the_code_and_leaves_its_report() {
    for read_only in [false, true] {
        let world = shop();
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        world.put("backups/b/b.tar.gz", "no archive").await;
        restore_of(&world);
        if read_only {
            close(&world).await;
        }
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        let status = world.get::<Restore>("r").await.unwrap().status;
        assert_eq!(status.phase, RestorePhase::Failed);
        assert!(status.failure_reason.ends_with("(SLV-2015)"), "{}", status.failure_reason);
        assert!(report_of(&world, RestoreFile::Results, read_only).await.contains("SLV-2015"));
        let log = report_of(&world, RestoreFile::Logs, read_only).await;
        assert!(log.contains("code=SLV-2015") && !log.contains("completed"), "{log}");
        let stored = world.memory.keys().iter().any(|key| key.starts_with("restores/"));
        assert_eq!(stored, !read_only);
    }
}

/// A file in a tar archive.
fn tar_entry(path: &str, content: &str) -> Vec<u8> {
    let mut entry = vec![0; 512];
    entry[..path.len()].copy_from_slice(path.as_bytes());
    entry[100..107].copy_from_slice(b"0000644");
    entry[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    entry[148..156].copy_from_slice(b"        ");
    entry[156] = b'0';
    entry[257..263].copy_from_slice(b"ustar\0");
    entry[263..265].copy_from_slice(b"00");
    let sum: u32 = entry.iter().map(|byte| u32::from(*byte)).sum();
    entry[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    entry.extend_from_slice(content.as_bytes());
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

#[tokio::test(start_paused = true)]
async fn files_that_mean_nothing_are_one_warning() {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let archive = world.memory.get("backups/b/b.tar.gz").await.unwrap();
    let mut files = Vec::new();
    for path in ["notes.txt", "resources/pods/README", "resources/pods/namespaces/shop/x.yaml", "z", "y"] {
        files.extend(tar_entry(path, "text"));
    }
    files.extend(gunzip(&archive, Caps::SIDE_FILE).unwrap());
    world.put("backups/b/b.tar.gz", gzip(&files)).await;
    // As from a tool that writes no manifest.
    world.put("backups/b/velero-backup.json", r#"{"metadata": {"name": "b"}}"#).await;
    world.memory.delete(&["backups/b/b-salvor-manifest.json".to_owned()]).await.unwrap();

    lose(&world).await;
    restore_of(&world);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors, status.warnings), (RestorePhase::Completed, 0, 1), "{status:?}");
    let results: Option<Value> = read_restore_file(&world.memory, "r", RestoreFile::Results).await.unwrap();
    assert_eq!(
        results.unwrap()["warnings"]["velero"],
        json!([
            r#"5 files of the archive have paths that mean nothing and were passed over: "notes.txt", "resources/pods/README", "resources/pods/namespaces/shop/x.yaml" and 2 more (SLV-1802)"#
        ])
    );
}
