//! What a user does, on a real node: install, back up, lose, restore, with servers that die on the way.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::wait::{Look, until};

use crate::world::{World, world};

const NAMESPACES: [&str; 3] = ["e2e-apes", "e2e-birds", "e2e-cats"];
const OURS: &str = "e2e-salvor";

/// Kills the server's pod as soon as the operation has done some of its objects and not all.
async fn kill_in_the_middle(world: &World, plural: &str, name: &str, done: &str) {
    let client = world.cluster.client();
    let path = format!("/apis/velero.io/v1/namespaces/{OURS}/{plural}/{name}");
    let count = |status: &Value, field: &str| status["progress"][field].as_u64().unwrap_or_default();
    until("the operation is not in its middle", Duration::from_secs(120), || async {
        let status = client.get(&path).await?.unwrap_or_default()["status"].take();
        let (now, total) = (count(&status, done), count(&status, "totalItems"));
        let started = status["phase"] == "InProgress" && (total == 0 || now < total);
        Ok(if started { Look::Done(()) } else { Look::NotYet(status.to_string()) })
    })
    .await
    .unwrap();
    let pods = client.list(&format!("/api/v1/namespaces/{OURS}/pods")).await.unwrap();
    for pod in &pods {
        let name = pod["metadata"]["name"].as_str().unwrap();
        // At once, as a node that dies would: no signal, no time to say goodbye.
        let path = format!("/api/v1/namespaces/{OURS}/pods/{name}?gracePeriodSeconds=0");
        client.delete(&path).await.unwrap();
    }
    println!("killed {} pods in the middle of {plural} {name}", pods.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_ends_with_the_same_objects() {
    let Some(world) = world().await else { return };
    world.install_salvor(OURS, "killed").await;
    let before = world.fill(&NAMESPACES).await;

    world.request(OURS, "Backup", "b", json!({"includedNamespaces": NAMESPACES})).await.unwrap();
    kill_in_the_middle(&world, "backups", "b", "itemsBackedUp").await;
    let status = world.ended(OURS, "backups", "b").await;
    assert_eq!(status["phase"], "Completed", "{status}");

    world.lose(&NAMESPACES).await;
    world.request(OURS, "Restore", "r", json!({"backupName": "b"})).await.unwrap();
    kill_in_the_middle(&world, "restores", "r", "itemsRestored").await;
    let status = world.ended(OURS, "restores", "r").await;
    assert_eq!(status["phase"], "Completed", "{status}");
    world.same(&NAMESPACES, &before).await;
    world.lose(&NAMESPACES).await;
    world.remove(OURS).await;
}
