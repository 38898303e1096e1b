//! What the server refuses: what admission does not admit yet is tried again, what has to go first is waited for, and what is
//! no use is reported.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A world with a backup whose application is gone.
async fn lost() -> World {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    world
}

fn is(object: &Value, kind: &str, name: &str) -> bool {
    object["kind"] == kind && object["metadata"]["name"] == name
}

/// Two objects are refused until others are there that come later, one of them in a chain.
fn chain(world: &World) {
    world.fake.guard(|object, there| {
        let wants = [("item-1", "Secret", "item-2"), ("item-2", "ConfigMap", "item-4")];
        let (_, kind, name) = wants.into_iter().find(|(of, ..)| is(object, "Secret", of))?;
        (!there(kind, name)).then(|| (403, format!("is forbidden: no {kind} {name}")))
    });
}

#[tokio::test(start_paused = true)]
async fn what_admission_refuses_is_tried_again_when_other_objects_are_there() {
    let world = lost().await;
    chain(&world);
    restore_of(&world);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 0), "{status:?}");
    assert_eq!(application(&world).len(), 11);
}

#[tokio::test(start_paused = true)]
async fn cut_off_at_any_call_what_was_refused_is_still_tried_again() {
    for nth in 1.. {
        let world = lost().await;
        chain(&world);
        restore_of(&world);
        let faulty = Faulty::new(Arc::new(world.fake.clone()), Some(Fault::call(nth).then_dead()));
        let faulty = Arc::new(faulty);
        let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
        let _died = work(&world, &deps, &RESTORE, "r").await;
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        let status = world.get::<Restore>("r").await.unwrap().status;
        assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 0), "{nth}: {status:?}");
        assert_eq!(application(&world).len(), 11, "{nth}");
        if !faulty.struck() {
            assert!(nth > 20, "the loop has cut off {nth} calls only");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_nothing_helps_is_reported_with_the_last_refusal_and_soon() {
    let world = lost().await;
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    world.fake.guard(move |object, _| {
        let number = is(object, "Secret", "item-2").then(|| counted.fetch_add(1, Ordering::SeqCst))?;
        Some((403, format!("is forbidden: exceeded quota, {number}")))
    });
    restore_of(&world);
    let began = cluster::clock::instant();
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 1), "{status:?}");
    let results = report_of(&world, RestoreFile::Results, false).await;
    let last = tries.load(Ordering::SeqCst) - 1;
    assert!(last >= 1 && results.contains(&format!("exceeded quota, {last}")), "{last}: {results}");
    assert_eq!(application(&world).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_whose_pods_are_starting_is_waited_for() {
    let away = |starts: Duration| async move {
        let world = lost().await;
        let began = cluster::clock::instant();
        world.fake.guard(move |object, _| {
            let guarded = object["kind"] == "Secret" && began.elapsed() < starts;
            guarded.then(|| (500, "Internal error occurred: failed calling webhook \"a.b\"".to_owned()))
        });
        restore_of(&world);
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        world.get::<Restore>("r").await.unwrap().status
    };
    let status = away(Duration::from_secs(60)).await;
    assert_eq!((status.phase, status.errors), (RestorePhase::Completed, 0), "{status:?}");
    let status = away(Duration::from_secs(3600)).await;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 5), "{status:?}");
}

/// A world in which one object of the application is there, and is not what the backup has.
async fn differing(mut metadata: Value) -> World {
    let world = lost().await;
    for (field, value) in [("name", "item-3"), ("namespace", "shop"), ("uid", "uid-other")] {
        metadata[field] = value.into();
    }
    world.seed(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"own": "x"}}}));
    world.seed(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"more": "x"}}));
    world
}

fn found(world: &World) -> Value {
    world.fake.objects().into_iter().find(|object| is(object, "ConfigMap", "item-3")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn recreated_cut_off_at_any_call_it_is_what_the_backup_has() {
    for nth in 1.. {
        let world = differing(json!({})).await;
        restore_with(&world, json!({"existingResourcePolicy": "recreate"}));
        let faulty =
            Faulty::new(Arc::new(world.fake.clone()), Some(Fault::call(nth).then_dead().after_effect()));
        let faulty = Arc::new(faulty);
        let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
        let _died = work(&world, &deps, &RESTORE, "r").await;
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        let status = world.get::<Restore>("r").await.unwrap().status;
        assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 0), "{nth}: {status:?}");
        assert_eq!(found(&world)["data"], json!({"number": "3"}), "{nth}");
        assert_ne!(found(&world)["metadata"]["uid"], "uid-other", "{nth}");
        if !faulty.struck() {
            assert!(nth > 20, "the loop has cut off {nth} calls only");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_go_in_time_is_reported_once_and_what_goes_is_made_anew() {
    for (goes, phase, errors) in
        [(true, RestorePhase::Completed, 0), (false, RestorePhase::PartiallyFailed, 1)]
    {
        let world =
            differing(json!({"finalizers": ["example.com/f"], "deletionTimestamp": crate::testing::START}))
                .await;
        restore_of(&world);
        let deps = world.deps();
        let running = work(&world, &deps, &RESTORE, "r");
        let released = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            if goes {
                let resource = ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true);
                let at = ObjectRef { resource, namespace: Some("shop".into()), name: "item-3".into() };
                let change = cluster::port::Patch::Merge(json!({"metadata": {"finalizers": []}}));
                let options = cluster::port::WriteOptions::default();
                world.fake.patch(&at, None, &change, options).await.unwrap();
            }
        };
        let (ended, ()) = tokio::join!(running, released);
        ended.unwrap();
        let status = world.get::<Restore>("r").await.unwrap().status;
        assert_eq!((status.phase, status.errors), (phase, errors), "{status:?}");
        let results = report_of(&world, RestoreFile::Results, false).await;
        assert_eq!(results.contains("SLV-2032"), !goes, "{results}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_adds_to_a_namespace_and_to_objects_and_takes_nothing_away() {
    let world = differing(json!({})).await;
    restore_with(&world, json!({"existingResourcePolicy": "update"}));
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 0), "{status:?}");
    assert_eq!(found(&world)["data"], json!({"number": "3", "more": "x"}));
    let namespace = world.fake.objects().into_iter().find(|object| is(object, "Namespace", "shop")).unwrap();
    assert_eq!(
        (&namespace["metadata"]["labels"]["own"], &namespace["metadata"]["labels"]["team"]),
        (&json!("x"), &json!("a"))
    );
    let list = report_of(&world, RestoreFile::ResourceList, false).await;
    assert!(list.contains(r#""v1/Namespace":["shop(updated)"]"#), "{list}");
    let log = report_of(&world, RestoreFile::Logs, false).await;
    assert!(log.contains("msg=Updated name=shop namespace= resource=namespaces"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_may_not_be_updated_is_a_warning() {
    let world = differing(json!({})).await;
    restore_with(&world, json!({"existingResourcePolicy": "update"}));
    let fault = Fault::every("patch namespaces shop").with(ErrorKind::Forbidden);
    let faulty = Faulty::new(Arc::new(world.fake.clone()), Some(fault));
    let deps = world.deps_with(Arc::new(faulty), Ok(Arc::new(world.memory.clone())));
    work(&world, &deps, &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 1), "{status:?}");
    assert!(report_of(&world, RestoreFile::Results, false).await.contains("SLV-2034"));
}

#[tokio::test(start_paused = true)]
async fn a_mapping_without_room_for_all_is_refused_and_nothing_is_done() {
    let world = shop_and_till().await;
    let before = application(&world);
    restore_with(&world, json!({"namespaceMapping": {"till": "shop"}}));
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!(status.phase, RestorePhase::FailedValidation);
    let said = "the namespace mapping sends objects to the same places: configmaps shop/item-0 and till/item-0 (SLV-2004)";
    assert_eq!(status.validation_errors, [said]);
    assert_eq!(application(&world), before);
    assert!(journals(&world).await.is_empty());
}
