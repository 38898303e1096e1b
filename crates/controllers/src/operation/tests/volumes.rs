//! What becomes of volumes that are in the cluster when a restore comes.

use super::*;

/// The shop with a claim on a volume that outlives it, and a backup of it.
async fn backed_up() -> World {
    let world = shop();
    define_volumes(&world);
    world.seed(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"}, "spec": {"volumeName": "vol"}, "status": {"phase": "Bound"}}));
    world.seed(volume("Bound"));
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    world
}

fn volume(phase: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "vol"}, "status": {"phase": phase},
        "spec": {"persistentVolumeReclaimPolicy": "Retain", "nfs": {"path": "/"},
            "claimRef": {"namespace": "shop", "name": "data", "uid": "u-1", "resourceVersion": "7"}}})
}

fn at() -> ObjectRef {
    let resource = ResourceType::addressed("", "v1", "persistentvolumes", "PersistentVolume", false);
    ObjectRef { resource, namespace: None, name: "vol".into() }
}

/// The claim is deleted with its namespace; the volume stays, kept for it.
async fn released() -> World {
    let world = backed_up().await;
    lose(&world).await;
    world.fake.delete(&at(), None).await.unwrap();
    world.seed(volume("Released"));
    world
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_outlived_its_claim_is_given_free_for_the_one_that_comes_back() {
    for policy in ["none", "update", "recreate"] {
        let world = released().await;
        restore_with(&world, json!({"existingResourcePolicy": policy}));
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        let status = world.get::<Restore>("r").await.unwrap().status;
        assert_eq!(status.phase, RestorePhase::Completed, "{policy}: {status:?}");
        let found = world.fake.get(&at()).await.unwrap();
        assert_eq!(found["spec"]["claimRef"], json!({"namespace": "shop", "name": "data"}), "{policy}");
        assert_eq!(found["metadata"]["labels"], Value::Null, "nothing else of it is changed");
        let list = report_of(&world, RestoreFile::ResourceList, false).await;
        assert!(list.contains("vol(updated)"), "{list}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_is_not_part_of_the_restore_is_left_and_the_claim_is_an_error() {
    let world = released().await;
    restore_with(&world, json!({"excludedResources": ["persistentvolumes"]}));
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 1), "{status:?}");
    let found = world.fake.get(&at()).await.unwrap();
    assert_eq!(found["spec"]["claimRef"]["uid"], "u-1");
    let results = report_of(&world, RestoreFile::Results, false).await;
    assert!(results.contains("SLV-2036"), "{results}");
}

#[tokio::test(start_paused = true)]
async fn of_a_claim_that_is_there_nothing_is_lost() {
    let world = shop();
    define_volumes(&world);
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"}, "spec": {"volumeName": "vol"}, "status": {"phase": "Bound"}});
    world.seed(claim);
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    restore_with(&world, json!({}));
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 0), "{status:?}");
}
