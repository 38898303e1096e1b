//! What a user does, on a real node: install, back up, lose, restore, with servers that die on the way.

use serde_json::json;

use crate::world::world;

const NAMESPACES: [&str; 3] = ["e2e-apes", "e2e-birds", "e2e-cats"];
const OURS: &str = "e2e-salvor";

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_ends_with_the_same_objects() {
    let Some(world) = world().await else { return };
    world.install_salvor(OURS, "killed").await;
    let before = world.fill(&NAMESPACES).await;

    world.request(OURS, "Backup", "b", json!({"includedNamespaces": NAMESPACES})).await.unwrap();
    world.kill_in_the_middle(OURS, "backups", "b", "itemsBackedUp").await;
    let status = world.ended(OURS, "backups", "b").await;
    assert_eq!(status["phase"], "Completed", "{status}");

    world.lose(&NAMESPACES).await;
    world.request(OURS, "Restore", "r", json!({"backupName": "b"})).await.unwrap();
    world.kill_in_the_middle(OURS, "restores", "r", "itemsRestored").await;
    let status = world.ended(OURS, "restores", "r").await;
    assert_eq!(status["phase"], "Completed", "{status}");
    world.same(&NAMESPACES, &before).await;
    world.lose(&NAMESPACES).await;
    world.remove(OURS).await;
}
