//! What a user does, on a real node: install, back up, lose, restore, with servers that die on the way.

mod hooks;

use std::time::Duration;

use serde_json::json;
use testkit::unreliable::Mood;
use testkit::wait::{Look, until};

use crate::leaders;
use crate::world::{BACKUP_GOES_ON, RESTORE_GOES_ON, is_half_done, world};

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

    // The archive does not get through while the server lives that planned the backup.
    store.set(Mood::StallsAt(".tar.gz"));
    world.request(OURS, "Backup", "b", world.everything_in(&NAMESPACES).await).await.unwrap();
    until("no archive was sent", PATIENCE, || async {
        Ok(if store.stopped() > 0 { Look::Done(()) } else { Look::NotYet("none yet".to_owned()) })
    })
    .await
    .unwrap();
    leaders::bereave(&world, OURS).await;
    store.set(Mood::Passes);
    let status = world.ended(OURS, "backups", "b").await;
    assert_eq!(status["phase"], "Completed", "{status}");
    assert!(world.log_has(OURS, ("backup", "b"), BACKUP_GOES_ON));

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
