//! What a user does, on a real node: install, back up, lose, restore, with servers that die on the way.

mod hooks;

use std::time::Duration;

use serde_json::{Value, json};
use testkit::unreliable::{Mood, Unreliable};
use testkit::wait::{Look, until};

use crate::leaders;
use crate::world::{BACKUP_GOES_ON, RESTORE_GOES_ON, World, is_half_done, world};

const NAMESPACES: [&str; 3] = ["e2e-apes", "e2e-birds", "e2e-cats"];
const OURS: &str = "e2e-salvor";
/// How long a backup may take to come to its archive.
const PATIENCE: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_ends_with_the_same_objects() {
    let Some(world) = world().await else { return };
    world.install_salvor(OURS, "killed").await;
    let store = world.unreliable_store(OURS).await;
    leaders::scale(&world, OURS, 2).await;
    let before = world.fill(&NAMESPACES).await;

    let spec = world.everything_in(&NAMESPACES).await;
    outlives_its_server(&world, &store, (OURS, "b"), spec).await;

    world.lose(&NAMESPACES).await;
    leaders::scale(&world, OURS, 2).await;
    world.request(OURS, "Restore", "r", json!({"backupName": "b"})).await.unwrap();
    world.in_progress(OURS, ("restores", "r"), |status| is_half_done(status, "itemsRestored")).await;
    leaders::bereave(&world, OURS).await;
    let status = world.ended(OURS, "restores", "r").await;
    assert_eq!(status["phase"], "Completed", "{status}");
    assert!(world.log_has(OURS, ("restore", "r"), RESTORE_GOES_ON));
    world.same(&NAMESPACES, &before).await;
    world.lose(&NAMESPACES).await;
    world.remove(OURS).await;
}

/// A backup whose archive does not get through while the server lives that planned it: the next one completes it. How it
/// ended.
async fn outlives_its_server(
    world: &World,
    store: &Unreliable,
    (server, name): (&str, &str),
    spec: Value,
) -> Value {
    store.set(Mood::StallsAt(".tar.gz"));
    world.request(server, "Backup", name, spec).await.unwrap();
    until("no archive was sent", PATIENCE, || async {
        Ok(if store.stopped() > 0 { Look::Done(()) } else { Look::NotYet("none yet".to_owned()) })
    })
    .await
    .unwrap();
    leaders::bereave(world, server).await;
    store.set(Mood::Passes);
    let status = world.ended(server, "backups", name).await;
    assert_eq!(status["phase"], "Completed", "{status}");
    assert!(world.log_has(server, ("backup", name), BACKUP_GOES_ON));
    status
}
