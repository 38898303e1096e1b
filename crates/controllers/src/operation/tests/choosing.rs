//! Restores of a part of a backup, by a resource policy, and in API versions that somebody prefers.

use api::labels;
use engine::document::set_annotation;
use engine::preview::{Action, RestorePreview};
use engine::restore::Rule;
use store::bucket::JournalFile;

use super::*;
use crate::config::Config;
use crate::testing::NAMESPACE;

const POLICY: &str = "version: v1\nnamespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [ConfigMap], \
    names: ['item-*'], excludedNames: [item-0]}]}]";

fn config_map(name: &str, key: &str, text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE},
        "data": { key: text }})
}

/// What a Restore asks for that names a policy.
fn by_policy() -> Value {
    json!({"backupName": "b", "resourcePolicy": {"kind": "configmap", "name": "p"}})
}

/// A world whose application was backed up and lost.
async fn lost() -> World {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    world
}

async fn ended(world: &World, deps: &Arc<Deps>) -> Restore {
    work(world, deps, &RESTORE, "r").await.unwrap();
    world.get::<Restore>("r").await.unwrap()
}

const CHOSEN: [&str; 5] = [
    r#""ConfigMap"/"item-1""#,
    r#""ConfigMap"/"item-2""#,
    r#""ConfigMap"/"item-3""#,
    r#""ConfigMap"/"item-4""#,
    r#""Namespace"/"shop""#,
];

fn restored(world: &World) -> Vec<String> {
    application(world).into_keys().collect()
}

#[tokio::test(start_paused = true)]
async fn a_policy_says_what_is_restored() {
    let world = lost().await;
    world.seed(config_map("p", "policy.yaml", POLICY));
    world.seed(object("Restore", "r", by_policy(), json!({})));
    let restore = ended(&world, &world.deps()).await;
    assert_eq!(restore.status.phase, RestorePhase::Completed, "{:?}", restore.status);
    assert_eq!(restored(&world), CHOSEN);
    let log = report_of(&world, RestoreFile::Logs, false).await;
    for line in [
        "objects are selected by the filters of the resource policy p",
        "a filter of the resource policy leaves it out\" name=item-0 namespace=shop resource=configmaps",
    ] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restore_whose_policy_is_not_there_or_wrong_does_not_begin() {
    let volumes = "version: v1\nvolumePolicies: [{action: {type: skip}}]";
    for (text, expected) in [
        (None, "resource policy p: there is no ConfigMap of this name in the server's namespace"),
        (Some("version: v3"), "resource policy p: its version is \"v3\", and only v1 is known"),
        (Some(volumes), "resource policy p: volumePolicies is for backups: a restore has no use for it"),
    ] {
        let world = lost().await;
        text.into_iter().for_each(|text| world.seed(config_map("p", "policy.yaml", text)));
        world.seed(object("Restore", "r", by_policy(), json!({})));
        let status = ended(&world, &world.deps()).await.status;
        assert_eq!(status.phase, RestorePhase::FailedValidation, "{status:?}");
        assert_eq!(status.validation_errors, [expected]);
        assert!(application(&world).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_restore_needs_its_policy_no_more() {
    let (mut planned, mut refused) = (0, 0);
    for calls in 1.. {
        let world = lost().await;
        world.seed(config_map("p", "policy.yaml", POLICY));
        world.seed(object("Restore", "r", by_policy(), json!({})));
        for _ in 0..2 {
            world.reconcile(&restore::SPEC, "r").await.unwrap();
        }
        if world.survives(&restore::SPEC, "r", calls).await {
            break;
        }
        let had_plan = world.memory.keys().iter().any(|key| key.ends_with("plan.json.gz"));
        world.seed(config_map("p", "policy.yaml", "version: v9"));
        let status = ended(&world, &world.deps()).await.status;
        if had_plan {
            assert_eq!(status.phase, RestorePhase::Completed, "call {calls}: {status:?}");
            assert_eq!(restored(&world), CHOSEN, "call {calls}");
            planned += 1;
        } else {
            assert_eq!(status.phase, RestorePhase::Failed, "call {calls}: {status:?}");
            assert!(status.failure_reason.ends_with("(SLV-2024)"), "call {calls}: {status:?}");
            assert!(application(&world).is_empty(), "call {calls}");
            refused += 1;
        }
    }
    assert!(planned > 3 && refused > 0, "{planned} went on by their plan, {refused} had none");
}

async fn preview(world: &World, deps: &Arc<Deps>) -> RestorePreview {
    work(world, deps, &RESTORE, "d").await.unwrap();
    let packed = world.memory.get(&JournalFile::DryRun.key("uid-d")).await.unwrap();
    serde_json::from_slice(&gunzip(&packed, Caps::SIDE_FILE).unwrap()).unwrap()
}

fn dry(world: &World, spec: Value) {
    let mut document = object("Restore", "d", spec, json!({}));
    set_annotation(&mut document, labels::DRY_RUN, "true");
    world.seed(document);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_what_a_policy_leaves_out() {
    let world = lost().await;
    world.seed(config_map("p", "policy.yaml", POLICY));
    dry(&world, by_policy());
    let report = preview(&world, &world.deps()).await;
    let left: Vec<_> =
        report.outcome.left_out.iter().filter(|left| left.rule == Rule::FilterPolicy).collect();
    let told: Vec<_> = left.iter().map(|left| (left.resource.to_string(), left.names.len())).collect();
    assert_eq!(told, [("configmaps".to_owned(), 1), ("secrets".to_owned(), 5)]);
    assert_eq!((report.outcome.counts.create, report.outcome.counts.left_out), (5, 6));
    assert!(application(&world).is_empty());
}

fn choosing(world: &World) -> Arc<Deps> {
    let mut deps = world.deps();
    let inner = Arc::get_mut(&mut deps).unwrap();
    let mut config = Config::clone(&inner.config);
    config.features.insert("EnableAPIGroupVersions".to_owned());
    inner.config = Arc::new(config);
    deps
}

/// A world whose application has an autoscaler, backed up in every version of the cluster, and is lost.
async fn with_versions() -> World {
    let world = shop();
    world.seed(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop", "uid": "uid-web"}, "spec": {"maxReplicas": 3}}));
    work(&world, &choosing(&world), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    world
}

/// The versions in which autoscalers would be created.
async fn versions(world: &World, deps: &Arc<Deps>) -> Vec<String> {
    dry(world, json!({"backupName": "b"}));
    let objects = preview(world, deps).await.objects;
    let created = objects.into_iter().filter(|object| object.action == Action::Create);
    created.map(|object| object.kind).filter(|kind| kind.starts_with("autoscaling/")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_restore_takes_the_version_that_the_users_list_prefers() {
    let list = |text: &str| config_map("enableapigroupversions", "restoreResourcesVersionPriority", text);
    let old = list("horizontalpodautoscalers.autoscaling=v9,v1");
    let world = with_versions().await;
    assert_eq!(versions(&world, &choosing(&world)).await, ["autoscaling/v2/HorizontalPodAutoscaler"]);
    let world = with_versions().await;
    world.seed(old.clone());
    assert_eq!(versions(&world, &choosing(&world)).await, ["autoscaling/v1/HorizontalPodAutoscaler"]);
    // Without the feature nobody asks for a list.
    let world = with_versions().await;
    world.seed(old);
    assert_eq!(versions(&world, &world.deps()).await, ["autoscaling/v2/HorizontalPodAutoscaler"]);

    // What the list says in vain is said.
    let world = with_versions().await;
    world.seed(list("horizontalpodautoscalers.autoscaling: v1"));
    restore_of(&world);
    let status = ended(&world, &choosing(&world)).await.status;
    assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 1), "{status:?}");
    let results = report_of(&world, RestoreFile::Results, false).await;
    assert!(results.contains("is passed over") && results.contains("SLV-2025"), "{results}");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_group_snapshots_is_nothing_to_warn_of() {
    let world = lost().await;
    let types = world.deps().cluster.discover().await.unwrap().types;
    assert!(!types.iter().any(|of| of.group == "groupsnapshot.storage.k8s.io"));
    restore_of(&world);
    let status = ended(&world, &world.deps()).await.status;
    assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 0), "{status:?}");
}
