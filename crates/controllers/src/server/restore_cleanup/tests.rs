//! Restores that leave: their files go before their finalizer, whenever the process dies.

use super::*;
use crate::objects::delete;
use crate::testing::{START, World, backup, object};
use cluster::fake::{Fault, Faulty};

fn restore() -> Value {
    let mut restore = object("Restore", "r", json!({"backupName": "b"}), json!({"phase": "Completed"}));
    restore["metadata"]["finalizers"] = json!([RESTORE_FINALIZER, "example.com/other"]);
    restore
}

async fn world() -> World {
    let world = World::new();
    world.seed(backup("b", "Completed"));
    for key in [
        "restores/r/restore-r-logs.gz",
        "restores/r2/restore-r2-logs.gz",
        "plugins/salvor/operations/uid-r/done.json",
    ] {
        world.put(key, "x").await;
    }
    world.seed(restore());
    delete::<Restore>(&world.deps(), "r", "").await.unwrap();
    world
}

async fn finalizers(world: &World) -> Option<Vec<String>> {
    world.get::<Restore>("r").await.unwrap().metadata.finalizers
}

#[test]
fn it_looks_only_at_restores_that_are_leaving_with_our_finalizer() {
    let mut document = restore();
    assert!(!is_leaving(&document));
    document["metadata"]["deletionTimestamp"] = json!(START);
    assert!(is_leaving(&document));
    document["metadata"]["finalizers"] = json!(["example.com/other"]);
    assert!(!is_leaving(&document));
}

#[tokio::test]
async fn files_go_then_the_finalizer_and_only_ours() {
    let world = world().await;
    world.reconcile(&SPEC, "r").await.unwrap();
    assert_eq!(world.memory.keys(), ["restores/r2/restore-r2-logs.gz"]);
    assert_eq!(finalizers(&world).await, Some(vec!["example.com/other".to_owned()]));
}

#[tokio::test]
async fn without_backup_or_location_there_is_nothing_to_delete() {
    let world = world().await;
    delete::<Backup>(&world.deps(), "b", "").await.unwrap();
    world.reconcile(&SPEC, "r").await.unwrap();
    assert_eq!(world.memory.keys().len(), 3);
    assert_eq!(finalizers(&world).await, Some(vec!["example.com/other".to_owned()]));
}

#[tokio::test]
async fn an_unavailable_location_is_waited_for_but_not_for_ever() {
    let world = world().await;
    let status = json!({"status": {"phase": "Unavailable"}});
    patch::<BackupStorageLocation>(&world.deps(), "default", status).await.unwrap();
    assert!(world.reconcile(&SPEC, "r").await.is_err());
    assert_eq!(finalizers(&world).await.unwrap().len(), 2);
    world.pass(Duration::from_secs(3600 * 24 * 365));
    world.reconcile(&SPEC, "r").await.unwrap();
    assert_eq!(finalizers(&world).await.unwrap().len(), 1);
    assert!(world.fake.objects().iter().any(|object| object["reason"] == "FilesLeftBehind"));
}

#[tokio::test]
async fn killed_at_any_call_it_ends_the_same() {
    let expect = world().await;
    expect.reconcile(&SPEC, "r").await.unwrap();
    for calls in 0..20 {
        let world = world().await;
        let survived = world.survives(&SPEC, "r", calls).await;
        world.reconcile(&SPEC, "r").await.unwrap();
        assert_eq!((world.state(), world.memory.keys()), (expect.state(), expect.memory.keys()), "{calls}");
        if survived {
            break;
        }
        assert!(calls < 19, "it takes fewer calls");
    }
    for nth in 1..20 {
        let world = world().await;
        let faulty = Arc::new(Faulty::new(
            Arc::new(world.fake.clone()),
            Some(Fault::call(nth).after_effect().then_dead()),
        ));
        let deps = world.deps_with(faulty, Ok(Arc::new(world.memory.clone())));
        let survived = world.reconcile_with(&SPEC, "r", &deps).await.is_ok();
        world.reconcile(&SPEC, "r").await.unwrap();
        assert_eq!((world.state(), world.memory.keys()), (expect.state(), expect.memory.keys()), "{nth}");
        if survived {
            break;
        }
    }
}
