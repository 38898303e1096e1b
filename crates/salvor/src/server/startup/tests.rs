//! What the server sees to before it begins, in a cluster in memory.

use super::*;
use crate::server::test_deps;
use cluster::fake::FakeCluster;

fn cluster(kinds: impl IntoIterator<Item = ResourceType>) -> FakeCluster {
    let fake = FakeCluster::new();
    for kind in kinds {
        fake.define(&kind);
    }
    fake.seed([json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "velero"}})]);
    fake
}

#[tokio::test]
async fn missing_kinds_are_named() {
    check(&cluster(kinds()), "velero").await.unwrap();
    let error = check(&cluster(kinds().into_iter().skip(2)), "velero").await.unwrap_err().to_string();
    assert!(error.contains("velero.io/v1/Backup, velero.io/v1/BackupRepository are not served"), "{error}");
    let error = format!("{:#}", check(&cluster(kinds()), "elsewhere").await.unwrap_err());
    assert!(error.contains("find the server's namespace") && error.contains("elsewhere"), "{error}");
}

#[tokio::test]
async fn the_password_of_the_repositories_is_made_once_and_left_alone() {
    let fake = cluster(kinds());
    let deps = test_deps(&fake, store::adapter::Memory::default());
    let password = || {
        let secrets = fake.objects().into_iter().filter(|object| object["kind"] == "Secret");
        secrets.map(|secret| secret["data"][REPOSITORY_KEY].clone()).collect::<Vec<_>>()
    };
    prepare(&deps).await.unwrap();
    assert_eq!(password(), [json!(STANDARD.encode(REPOSITORY_PASSWORD))]);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {REPOSITORY_KEY: "b3du"},
        "metadata": {"name": REPOSITORY_SECRET, "namespace": "velero"}});
    fake.seed([secret]);
    prepare(&deps).await.unwrap();
    assert_eq!(password(), [json!("b3du")]);
}

#[tokio::test]
async fn the_location_that_the_flag_names_becomes_the_default_if_there_is_none() {
    let fake = cluster(kinds());
    let location = |name: &str| {
        json!({"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
            "metadata": {"name": name, "namespace": "velero"}, "spec": {"provider": "aws"}})
    };
    fake.seed(["default", "other"].map(location));
    let deps = test_deps(&fake, store::adapter::Memory::default());
    prepare(&deps).await.unwrap();
    let defaults = async || {
        let all = list::<v1::BackupStorageLocation>(&deps, "").await.unwrap();
        all.iter()
            .filter(|location| location.spec.default)
            .map(|location| location.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(defaults().await, ["default"]);
    patch::<v1::BackupStorageLocation>(&deps, "default", json!({"spec": {"default": false}})).await.unwrap();
    patch::<v1::BackupStorageLocation>(&deps, "other", json!({"spec": {"default": true}})).await.unwrap();
    prepare(&deps).await.unwrap();
    assert_eq!(defaults().await, ["other"]);
}
