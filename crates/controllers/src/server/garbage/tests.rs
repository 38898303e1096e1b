//! Expiry in a world in memory: who is asked to go, and what may be in the way.

use super::*;
use crate::testing::{World, backup};

fn expired(name: &str, location: &str) -> Value {
    let mut backup = backup(name, "Completed");
    backup["spec"]["storageLocation"] = json!(location);
    backup["status"]["expiration"] = json!("2025-12-01T00:00:00Z");
    backup
}

async fn requests(world: &World) -> Vec<DeleteBackupRequest> {
    list::<DeleteBackupRequest>(&world.deps(), "").await.unwrap()
}

#[tokio::test]
async fn an_expired_backup_is_asked_to_go_once() {
    let world = World::new();
    world.seed(expired("b", "default"));
    for _ in 0..3 {
        world.reconcile(&SPEC, "b").await.unwrap();
    }
    let requests = requests(&world).await;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].spec.backup_name, "b");
    assert_eq!(requests[0].metadata.labels.as_ref().unwrap()[BACKUP_UID], "uid-b");
}

#[tokio::test]
async fn what_is_in_the_way_is_on_the_label_until_it_is_not() {
    let world = World::new();
    world.seed(expired("b", "default"));
    let deps = world.deps();
    let label = async || {
        world.get::<Backup>("b").await.unwrap().metadata.labels.unwrap_or_default().get(FAILURE).cloned()
    };
    let read_only = |mode: &str| json!({"spec": {"accessMode": mode}});
    patch::<BackupStorageLocation>(&deps, "default", read_only("ReadOnly")).await.unwrap();
    world.reconcile(&SPEC, "b").await.unwrap();
    assert_eq!(label().await.as_deref(), Some("BSLReadOnly"));
    patch::<BackupStorageLocation>(&deps, "default", read_only("ReadWrite")).await.unwrap();
    patch::<BackupStorageLocation>(&deps, "default", json!({"status": {"phase": "Unavailable"}}))
        .await
        .unwrap();
    world.reconcile(&SPEC, "b").await.unwrap();
    assert_eq!((label().await, requests(&world).await.len()), (None, 0));
    world.seed(expired("lost", "elsewhere"));
    world.reconcile(&SPEC, "lost").await.unwrap();
    let lost = world.get::<Backup>("lost").await.unwrap();
    assert_eq!(lost.metadata.labels.unwrap()[FAILURE], "BSLNotFound");
}

#[test]
fn only_the_expired_concern_it() {
    let now: Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
    for (expiration, expect) in [
        (json!("2026-02-01T00:00:00Z"), true),
        (json!("2026-02-01T00:00:01Z"), false),
        (json!(null), false),
        (json!("soon"), false),
    ] {
        assert_eq!(is_expired(&json!({"status": {"expiration": expiration}}), now), expect, "{expiration}");
    }
}
