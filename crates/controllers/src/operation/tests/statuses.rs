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
    let (names, restore, _) = restored_with(spec, None).await;
    (names, restore)
}

/// The same with a fault on the way, and the calls that were made.
async fn restored_with(spec: Value, fault: Option<Fault>) -> (Vec<String>, Restore, Vec<String>) {
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
    let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), fault));
    let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
    work(&world, &deps, &RESTORE, "r").await.unwrap();
    let services = world.fake.objects().into_iter().filter(|of| of["kind"] == "Service");
    let with_status = services.filter(|of| !of["status"]["loadBalancer"]["ingress"].is_null());
    let names = with_status.map(|of| engine::document::name(&of).to_owned()).collect();
    (names, world.get::<Restore>("r").await.unwrap(), faulty.log())
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

#[tokio::test(start_paused = true)]
async fn a_status_is_written_again_after_a_conflict_and_given_up_after_five() {
    const WRITE: &str = "replace services shop/wanted";
    let count = |log: &[String]| log.iter().filter(|call| *call == WRITE).count();
    let (.., log) = restored_with(json!(null), None).await;
    let write = log.iter().position(|call| call == WRITE).unwrap() + 1;

    let once = Fault::call(write).with(ErrorKind::Conflict);
    let (names, restore, log) = restored_with(json!(null), Some(once)).await;
    assert_eq!((names, count(&log)), (vec!["wanted".to_owned()], 2));
    assert_eq!((restore.status.phase, restore.status.warnings), (RestorePhase::Completed, 1));

    let always = Fault::every(WRITE).with(ErrorKind::Conflict);
    let (names, restore, log) = restored_with(json!(null), Some(always)).await;
    assert_eq!((names.len(), count(&log)), (0, 5));
    assert_eq!((restore.status.phase, restore.status.warnings), (RestorePhase::Completed, 2));
}
