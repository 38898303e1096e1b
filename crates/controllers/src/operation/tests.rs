//! A backup and a restore in a world in memory: whole, and cut off at each call to the cluster and to the store.

mod plans;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::Kind;
use api::meta::ResourceType;
use api::velero::v1::{Backup, BackupPhase, Restore, RestorePhase, VolumeSnapshotLocation};
use cluster::ErrorKind;
use cluster::fake::{Fault, Faulty};
use cluster::{Cluster, ObjectRef};
use serde_json::{Value, json};
use store::Store;

use crate::deps::Deps;
use crate::runtime::Spec;
use crate::server::{backup, restore};
use crate::testing::{DyingStore, World, object};

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

const BACKUP: [&Spec<Deps>; 2] = [&backup::QUEUE, &backup::SPEC];
const RESTORE: [&Spec<Deps>; 1] = [&restore::SPEC];

fn restore_of(world: &World) {
    world.seed(object("Restore", "r", json!({"backupName": "b"}), json!({})));
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
async fn an_existing_backup_is_never_overwritten() {
    let world = shop();
    world.put("backups/b/velero-backup.json", r#"{"metadata": {"name": "b", "uid": "another"}}"#).await;
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let backup = world.get::<Backup>("b").await.unwrap();
    assert_eq!(backup.status.phase, BackupPhase::Failed);
    assert_eq!(backup.status.failure_reason, "backup already exists in object storage");
    assert_eq!(world.memory.list("backups/b/").await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_restore_cut_off_at_any_call_ends_the_same_and_creates_nothing_twice() {
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
            if !faulty.struck() {
                assert!(nth > 15, "the loop has cut off {nth} calls only");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_whose_token_ends_at_any_call_ends_the_same() {
    for nth in 1.. {
        let world = shop();
        let fault = Fault::call(nth).then_dead().with(ErrorKind::Unauthorized);
        let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(fault)));
        let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
        let _died = work(&world, &deps, &BACKUP, "b").await;
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        let backup = world.get::<Backup>("b").await.unwrap();
        assert_eq!(backup.status.phase, BackupPhase::Completed, "call {nth}: {:?}", backup.status);
        assert_eq!(backup.status.progress.unwrap().items_backed_up, 11, "call {nth}");
        if !faulty.struck() {
            assert!(nth > 10, "the loop has cut off {nth} calls only");
            return;
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
