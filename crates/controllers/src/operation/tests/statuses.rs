//! Statuses that a restore brings back: which are, and what becomes of those that the server does not take.

use super::*;

fn service(name: &str, annotation: Option<&str>) -> Value {
    let annotations = annotation.map(|value| json!({ "velero.io/restore-status": value }));
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop",
        "uid": format!("uid-{name}"), "annotations": annotations}, "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
}

/// The services that have their status after a restore with this spec, and how the restore ended.
async fn restored(spec: Value) -> (Vec<String>, Restore) {
    let world = shop();
    for (name, annotation) in
        [("plain", None), ("wanted", Some(" TRUE ")), ("unwanted", Some("false")), ("odd", Some("maybe"))]
    {
        world.seed(service(name, annotation));
    }
    // A type whose status is none of its own.
    world.seed(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "status": {"a": 1}, "metadata": {"name": "marked",
        "namespace": "shop", "uid": "uid-marked", "annotations": {"velero.io/restore-status": "true"}}}),
    );
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    for name in ["plain", "wanted", "unwanted", "odd"] {
        let resource = ResourceType::addressed("", "v1", "services", "Service", true);
        let at = ObjectRef { resource, namespace: Some("shop".into()), name: name.into() };
        world.fake.delete(&at, None).await.unwrap();
    }
    lose(&world).await;
    let mut whole = json!({"backupName": "b"});
    whole["restoreStatus"] = spec;
    world.seed(object("Restore", "r", whole, json!({})));
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let services = world.fake.objects().into_iter().filter(|of| of["kind"] == "Service");
    let with_status = services.filter(|of| !of["status"]["loadBalancer"]["ingress"].is_null());
    let names = with_status.map(|of| engine::document::name(&of).to_owned()).collect();
    (names, world.get::<Restore>("r").await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_annotation_of_an_object_goes_before_what_the_restore_says() {
    for (spec, expect) in [
        (json!(null), &["wanted"][..]),
        (json!({}), &["odd", "plain", "wanted"]),
        (json!({"includedResources": ["services"]}), &["odd", "plain", "wanted"]),
        (json!({"includedResources": ["pods"]}), &["wanted"]),
        (json!({"excludedResources": ["services"]}), &["wanted"]),
    ] {
        let (names, restore) = restored(spec.clone()).await;
        assert_eq!(names, expect, "{spec}");
        // The ConfigMap's is a warning: there is nowhere to write it to.
        assert_eq!((restore.status.phase, restore.status.warnings), (RestorePhase::Completed, 1), "{spec}");
    }
}
