//! Locations over stores that answer, refuse and hold what is not theirs.

use super::*;
use crate::objects::patch;
use crate::testing::{World, store_error};
use store::{Put, Store};

async fn validate(
    world: &World,
    store: std::result::Result<Arc<dyn Store>, store::Error>,
) -> BackupStorageLocation {
    let deps = world.deps_with(Arc::new(world.fake.clone()), store);
    world.reconcile_with(&SPEC, "default", &deps).await.unwrap();
    world.get("default").await.unwrap()
}

#[tokio::test]
async fn a_location_that_answers_is_available() {
    let world = World::new();
    world.put("backups/a/velero-backup.json", "{}").await;
    let location = validate(&world, Ok(Arc::new(world.memory.clone()))).await;
    assert_eq!(
        (location.status.phase, location.status.message.as_str()),
        (Some(LocationPhase::Available), "")
    );
    assert_eq!(location.status.last_validation_time.unwrap().0, world.deps().now());
    assert_eq!(world.memory.keys(), ["backups/a/velero-backup.json"], "nothing is written");
}

#[tokio::test]
async fn each_way_to_be_unavailable_says_what_it_is() {
    for (kind, text, code) in [
        (ErrorKind::Unavailable, "connection refused", "SLV-3101"),
        (ErrorKind::Denied, "SignatureDoesNotMatch", "SLV-3102"),
        (ErrorKind::NoBucket, "NoSuchBucket", "SLV-3103"),
        (ErrorKind::Certificate, "unknown issuer", "SLV-3104"),
        (ErrorKind::Config, "config.s3Url is no address", "SLV-3105"),
    ] {
        let world = World::new();
        let location = validate(&world, Err(store_error(kind, text))).await;
        assert_eq!(location.status.phase, Some(LocationPhase::Unavailable));
        let message = location.status.message;
        assert!(message.contains(text) && message.contains(code), "{message}");
    }
}

#[tokio::test]
async fn foreign_folders_make_a_location_unavailable_in_the_words_of_velero() {
    let world = World::new();
    world.put("photos/cat.jpg", "x").await;
    let location = validate(&world, Ok(Arc::new(world.memory.clone()))).await;
    assert!(
        location.status.message.contains("Backup store contains invalid top-level directories: [photos]")
    );
}

#[tokio::test]
async fn warnings_are_said_and_leave_it_available() {
    let verdict = available(&["the server's certificate is not verified".to_owned()]);
    assert_eq!(verdict.phase, LocationPhase::Available);
    assert!(verdict.message.starts_with("warning: the server's certificate is not verified"));
}

#[tokio::test]
async fn it_is_validated_again_when_it_is_time_or_its_specification_changed() {
    let world = World::new();
    let deps = world.deps();
    let last =
        |location: Option<BackupStorageLocation>| location.unwrap().status.last_validation_time.unwrap().0;
    let minute = Next::After(Duration::from_secs(60));
    assert_eq!(world.reconcile(&SPEC, "default").await.unwrap(), minute);
    let first = last(world.get("default").await);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.reconcile(&SPEC, "default").await.unwrap(), Next::After(Duration::from_secs(40)));
    assert_eq!(last(world.get("default").await), first);
    patch::<BackupStorageLocation>(&deps, "default", json!({"spec": {"config": {"region": "x"}}}))
        .await
        .unwrap();
    assert_eq!(world.reconcile(&SPEC, "default").await.unwrap(), minute);
    assert_eq!(last(world.get("default").await), deps.now());
    patch::<BackupStorageLocation>(&deps, "default", json!({"spec": {"validationFrequency": "0s"}}))
        .await
        .unwrap();
    assert_eq!(world.reconcile(&SPEC, "default").await.unwrap(), Next::Wait, "once, since it has changed");
    let once = last(world.get("default").await);
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.reconcile(&SPEC, "default").await.unwrap(), Next::Wait);
    assert_eq!(last(world.get("default").await), once);
}

#[tokio::test]
async fn the_default_that_was_made_last_stays() {
    let world = World::new();
    let deps = world.deps();
    for (name, made) in [("old", "2025-01-01T00:00:00Z"), ("new", "2025-02-01T00:00:00Z")] {
        let mut location = crate::testing::location(name, "Available");
        location["metadata"]["creationTimestamp"] = json!(made);
        location["spec"]["default"] = json!(true);
        world.seed(location);
    }
    for _ in 0..2 {
        for name in ["new", "old", "default"] {
            world.reconcile_with(&SPEC, name, &deps).await.unwrap();
        }
    }
    let default = async |name: &str| world.get::<BackupStorageLocation>(name).await.unwrap().spec.default;
    assert_eq!((default("old").await, default("new").await, default("default").await), (false, true, false));
}

#[tokio::test]
async fn a_bucket_that_cannot_be_listed_is_not_written_to_find_out() {
    let world = World::new();
    let dying = crate::testing::DyingStore::new(world.memory.clone(), 0);
    assert!(dying.put("x", "y".into(), Put::Overwrite).await.is_err());
    let location = validate(&world, Ok(Arc::new(dying))).await;
    assert!(location.status.message.contains("SLV-3101"), "{}", location.status.message);
}
