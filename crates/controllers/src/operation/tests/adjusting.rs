//! Restores whose objects are changed by ConfigMaps of the server's namespace.

use super::*;
use crate::config::Config;
use crate::testing::NAMESPACE;

fn modifier(name: &str, value: &str) -> Value {
    let rules = format!(
        "version: v1\nresourceModifierRules:\n- conditions: {{groupResource: configmaps, resourceNameRegex: '[0-3]$'}}\n  \
         mergePatches:\n  - patchData: '{{\"data\": {{\"changed\": \"{value}\"}}}}'\n"
    );
    config_map(name, &json!({}), &json!({ "rules.yaml": rules }))
}

fn config_map(name: &str, labels: &Value, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("uid-{name}"), "labels": labels}})
}

/// A world whose application was backed up and lost, with a Restore of this spec.
async fn lost(spec: Value, seeds: Vec<Value>) -> World {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    seeds.into_iter().for_each(|seed| world.seed(seed));
    let mut whole = json!({"backupName": "b"});
    engine_merge(&mut whole, &spec);
    world.seed(object("Restore", "r", whole, json!({})));
    world
}

fn engine_merge(document: &mut Value, more: &Value) {
    for (key, value) in more.as_object().unwrap() {
        document[key] = value.clone();
    }
}

/// What the modifier put into each ConfigMap of the application.
fn changed(world: &World) -> Vec<Value> {
    let maps = application(world).into_iter().filter(|(key, _)| key.starts_with("\"ConfigMap\""));
    maps.map(|(_, document)| document["data"]["changed"].clone()).collect()
}

async fn ended(world: &World, deps: &Arc<Deps>) -> Restore {
    work(world, deps, &RESTORE, "r").await.unwrap();
    world.get::<Restore>("r").await.unwrap()
}

const MODIFIED: &str = "yes";

fn four_of_five() -> Vec<Value> {
    let mut four = vec![json!(MODIFIED); 4];
    four.push(json!(null));
    four
}

#[tokio::test(start_paused = true)]
async fn objects_go_through_the_modifier_of_their_restore() {
    let spec = json!({"resourceModifier": {"kind": "ConfigMap", "name": "m"}});
    let world = lost(spec, vec![modifier("m", MODIFIED), modifier("d", "by default")]).await;
    let restore = ended(&world, &with_default(&world, "d")).await;
    assert_eq!(restore.status.phase, RestorePhase::Completed, "{:?}", restore.status);
    assert_eq!(changed(&world), four_of_five());
}

fn with_default(world: &World, name: &str) -> Arc<Deps> {
    let mut deps = world.deps();
    let inner = Arc::get_mut(&mut deps).unwrap();
    let mut config = Config::clone(&inner.config);
    config.restore.default_modifier = Some(name.to_owned());
    inner.config = Arc::new(config);
    deps
}

#[tokio::test(start_paused = true)]
async fn restores_that_name_no_modifier_get_the_servers() {
    let world = lost(json!({}), vec![modifier("d", MODIFIED)]).await;
    assert_eq!(ended(&world, &with_default(&world, "d")).await.status.phase, RestorePhase::Completed);
    assert_eq!(changed(&world), four_of_five());

    let world = lost(json!({"skipDefaultResourceModifier": true}), vec![modifier("d", MODIFIED)]).await;
    assert_eq!(ended(&world, &with_default(&world, "d")).await.status.phase, RestorePhase::Completed);
    assert_eq!(changed(&world), [json!(null), json!(null), json!(null), json!(null), json!(null)]);

    // Without one the restore goes on, and says so.
    let world = lost(json!({}), Vec::new()).await;
    let restore = ended(&world, &with_default(&world, "d")).await;
    assert_eq!((restore.status.phase, restore.status.warnings), (RestorePhase::Completed, 1));
    assert_eq!(changed(&world).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_restore_whose_modifier_or_mapping_cannot_be_used_is_refused() {
    let spec = json!({"resourceModifier": {"kind": "configmap", "name": "m"}});
    let broken =
        config_map("m", &json!({}), &json!({"rules.yaml": "version: v1\nresourceModifierRules: [{}]"}));
    let classes = |name: &str| {
        let labels =
            json!({"velero.io/plugin-config": "", "velero.io/change-storage-class": "RestoreItemAction"});
        config_map(name, &labels, &json!({}))
    };
    for (spec, seeds, reason) in [
        (spec.clone(), Vec::new(), "resourceModifier \"m\": it does not exist"),
        (spec, vec![broken], "resourceModifier \"m\": rule 1: conditions: groupResource is missing"),
        (
            json!({}),
            vec![classes("one"), classes("two")],
            "more than one ConfigMap has the label velero.io/change-storage-class: one, two",
        ),
    ] {
        let world = lost(spec, seeds).await;
        let restore = ended(&world, &world.deps()).await;
        assert_eq!(restore.status.phase, RestorePhase::FailedValidation);
        assert_eq!(restore.status.validation_errors, [reason]);
        assert!(application(&world).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn values_know_the_cluster_that_they_are_restored_to() {
    let rules = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: configmaps}\n  mergePatches:\n  - patchData: \
                 '{\"data\": {\"changed\": \"{{source.name}}.{{target.appsDomain}} {{target.defaultStorageClass}} {{target.clusterVersion}}\"}}'\n";
    let spec = json!({"resourceModifier": {"kind": "configmap", "name": "m"}});
    let world = lost(spec.clone(), vec![config_map("m", &json!({}), &json!({ "a": rules }))]).await;
    for of in [
        ResourceType::addressed("config.openshift.io", "v1", "ingresses", "Ingress", false),
        ResourceType::addressed("storage.k8s.io", "v1", "storageclasses", "StorageClass", false),
    ] {
        world.fake.define(&of);
    }
    world.seed(
        json!({"apiVersion": "config.openshift.io/v1", "kind": "Ingress", "metadata": {"name": "cluster"},
        "spec": {"domain": "apps.new.example"}}),
    );
    for (name, default, created) in [
        ("a", "true", "2025-01-01T00:00:00Z"),
        ("b", "true", "2025-02-01T00:00:00Z"),
        ("c", "false", "2025-03-01T00:00:00Z"),
    ] {
        world.seed(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name,
            "creationTimestamp": created, "annotations": {"storageclass.kubernetes.io/is-default-class": default}}}));
    }
    let restore = ended(&world, &world.deps()).await;
    assert_eq!(restore.status.phase, RestorePhase::Completed, "{:?}", restore.status);
    let version = world.deps().cluster.version().await.unwrap().git_version;
    assert_eq!(changed(&world)[0], format!("item-0.apps.new.example b {version}"));

    // Where there is no such domain, nothing is restored.
    let world = lost(spec, vec![config_map("m", &json!({}), &json!({ "a": rules }))]).await;
    let restore = ended(&world, &world.deps()).await;
    assert_eq!(restore.status.phase, RestorePhase::FailedValidation);
    assert_eq!(restore.status.validation_errors.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_cut_off_goes_on_with_the_rules_that_it_began_with() {
    let mut met = 0;
    for calls in 1.. {
        let spec = json!({"resourceModifier": {"kind": "configmap", "name": "m"}});
        let world = lost(spec, vec![modifier("m", MODIFIED)]).await;
        for _ in 0..2 {
            world.reconcile(&restore::SPEC, "r").await.unwrap();
        }
        if world.survives(&restore::SPEC, "r", calls).await {
            break;
        }
        let planned = world.memory.head("plugins/salvor/operations/uid-r/plan.json.gz").await.is_ok();
        if planned && changed(&world).len() < 5 {
            met += 1;
            world.seed(modifier("m", "by other rules"));
            assert_eq!(ended(&world, &world.deps()).await.status.phase, RestorePhase::Completed);
            assert_eq!(changed(&world), four_of_five());
        }
    }
    assert!(met > 0, "no restore was cut off between its plan and its end");
}

#[tokio::test(start_paused = true)]
async fn a_modifier_that_goes_before_the_plan_is_made_ends_the_restore() {
    let spec = json!({"resourceModifier": {"kind": "configmap", "name": "m"}});
    let world = lost(spec, vec![modifier("m", MODIFIED)]).await;
    for _ in 0..2 {
        world.reconcile(&restore::SPEC, "r").await.unwrap();
    }
    world.seed(config_map("m", &json!({}), &json!({})));
    let restore = ended(&world, &world.deps()).await;
    assert_eq!(restore.status.phase, RestorePhase::Failed);
    assert_eq!(restore.status.failure_reason, "resourceModifier \"m\": it has no data (SLV-2054)");
    assert!(application(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_fails_is_an_error_of_its_object() {
    let rules = "version: v1\nresourceModifierRules:\n- conditions: {groupResource: configmaps, resourceNameRegex: '-2$'}\n  patches:\n  - \
                 {operation: remove, path: /data/gone}\n";
    let spec = json!({"resourceModifier": {"kind": "configmap", "name": "m"}});
    let world = lost(spec, vec![config_map("m", &json!({}), &json!({ "a": rules }))]).await;
    let restore = ended(&world, &world.deps()).await;
    assert_eq!((restore.status.phase, restore.status.errors), (RestorePhase::PartiallyFailed, 1));
    assert_eq!(changed(&world).len(), 5, "the object itself is there");
}
