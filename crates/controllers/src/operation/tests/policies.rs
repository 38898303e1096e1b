//! Backups by resource policies, and what a backup says of what is in it and what is not.

use api::labels;
use engine::document::annotation;

use super::*;
use crate::testing::NAMESPACE;

const FILTER: &str = "version: v1\nnamespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [ConfigMap], \
    names: ['item-*'], excludedNames: [item-0]}]}]";

/// The shop, and a Backup that names a policy.
fn shop_with_policy(text: Option<&str>) -> World {
    let world = shop();
    let spec = json!({"includedNamespaces": ["shop"], "resourcePolicy": {"kind": "configmap", "name": "p"}});
    world.seed(object("Backup", "b", spec, json!({})));
    if let Some(text) = text {
        world.seed(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "p", "namespace": NAMESPACE}, "data": {"policy.yaml": text}}));
    }
    world
}

async fn forget_policy(world: &World) {
    let resource = ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true);
    let at = ObjectRef { resource, namespace: Some(NAMESPACE.into()), name: "p".into() };
    world.fake.delete(&at, None).await.unwrap();
}

async fn text_of(world: &World, file: BackupFile) -> String {
    let packed = world.memory.get(&file.key("b")).await.unwrap();
    String::from_utf8(gunzip(&packed, Caps::SIDE_FILE).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_policy_says_what_is_in_a_backup() {
    let world = shop_with_policy(Some(FILTER));
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let backup = world.get::<Backup>("b").await.unwrap();
    assert_eq!(backup.status.phase, BackupPhase::Completed, "{:?}", backup.status);
    let expected = r#"{"v1/ConfigMap":["shop/item-1","shop/item-2","shop/item-3","shop/item-4"],"v1/Namespace":["shop"]}"#;
    assert_eq!(text_of(&world, BackupFile::ResourceList).await.trim(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_backup_whose_policy_is_not_there_or_wrong_does_not_begin() {
    for (text, expected) in [
        (None, "resource policy p: there is no ConfigMap of this name in the server's namespace"),
        (Some("version: v3"), "resource policy p: its version is \"v3\", and only v1 is known"),
    ] {
        let world = shop_with_policy(text);
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        let status = world.get::<Backup>("b").await.unwrap().status;
        assert_eq!(status.phase, BackupPhase::FailedValidation, "{status:?}");
        assert_eq!(status.validation_errors, [expected]);
        assert!(world.memory.keys().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_of_the_server_is_for_every_backup() {
    let world = shop();
    let deps = set(world.deps(), |config| config.backup.volume_policies = Some("site".to_owned()));
    work(&world, &deps, &BACKUP, "b").await.unwrap();
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!(status.phase, BackupPhase::FailedValidation, "{status:?}");
    assert!(
        status.validation_errors[0].starts_with("resource policy site: there is no ConfigMap"),
        "{status:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_plan_needs_its_policy_no_more() {
    let (mut planned, mut refused) = (0, 0);
    for nth in 1.. {
        let world = shop_with_policy(Some(FILTER));
        let dying = DyingStore::new(world.memory.clone(), nth);
        let deps = world.deps_with(Arc::new(world.fake.clone()), Ok(Arc::new(dying)));
        let died = work(&world, &deps, &BACKUP, "b").await.is_err();
        if !died {
            break;
        }
        let had_plan = world.memory.keys().iter().any(|key| key.ends_with("plan.json.gz"));
        forget_policy(&world).await;
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        let status = world.get::<Backup>("b").await.unwrap().status;
        if status.phase == BackupPhase::Failed {
            assert!(!had_plan && status.failure_reason.ends_with("(SLV-1120)"), "call {nth}: {status:?}");
            refused += 1;
        } else {
            assert_eq!(status.phase, BackupPhase::Completed, "call {nth}: {status:?}");
            planned += 1;
        }
    }
    assert!(planned > 3 && refused > 0, "{planned} went on by their plan, {refused} had none");
}

#[tokio::test(start_paused = true)]
async fn the_log_names_each_object_that_is_stored_and_the_backup_says_what_was_left_out() {
    let world = shop();
    world.seed(json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {},
        "metadata": {"name": "kube-root-ca.crt", "namespace": "shop", "uid": "uid-root"}}));
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let log = text_of(&world, BackupFile::Logs).await;
    let stored =
        "level=info msg=\"Backed up item\" backup=velero/b name=item-0 namespace=shop resource=secrets";
    assert!(log.contains(stored), "{log}");
    assert_eq!(log.matches("Backed up item").count(), 11);
    let left_out = "msg=\"Left out: the cluster publishes it into every namespace\" backup=velero/b name=kube-root-ca.crt \
                    namespace=shop resource=configmaps";
    assert!(log.contains(left_out), "{log}");
    let recorded = json!([
        {"resource": "events", "rule": "event"},
        {"resource": "events.events.k8s.io", "rule": "event"},
        {"resource": "configmaps", "rule": "published", "objects": 1},
    ])
    .to_string();
    let backup = world.get::<Backup>("b").await.unwrap().to_document();
    assert_eq!(annotation(&backup, labels::LEFT_OUT), Some(recorded.as_str()));
    let marker = store::backup_files::read_marker(&world.memory, "b").await.unwrap().unwrap();
    assert_eq!(annotation(&marker.backup, labels::LEFT_OUT), Some(recorded.as_str()));
}
