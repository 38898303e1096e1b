//! Owners: what they own is linked to them under the UIDs that they have now, whenever the restore is cut off.

use super::*;

/// A world with a backup in which a Secret and a ConfigMap belong to a ConfigMap, and the application is gone.
async fn owned() -> World {
    let world = shop();
    let owner = |uid: &str| {
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "item-0", "uid": uid, "controller": true,
            "blockOwnerDeletion": true}])
    };
    for (kind, name, uid) in [
        // Secrets come before ConfigMaps.
        ("Secret", "of-item-0", "uid-ConfigMap-0"),
        ("ConfigMap", "a-part", "uid-ConfigMap-0"),
        ("ConfigMap", "of-an-older-one", "uid-gone"),
    ] {
        let metadata = json!({"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "ownerReferences": owner(uid)});
        world.seed(json!({"apiVersion": "v1", "kind": kind, "metadata": metadata}));
    }
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    world
}

fn object_of(world: &World, kind: &str, name: &str) -> Value {
    let is = |object: &Value| object["kind"] == kind && object["metadata"]["name"] == name;
    world.fake.objects().into_iter().find(is).unwrap()
}

fn check_owners(world: &World, of: &str) {
    let uid = object_of(world, "ConfigMap", "item-0")["metadata"]["uid"].clone();
    for (kind, name) in [("Secret", "of-item-0"), ("ConfigMap", "a-part")] {
        let expect = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "item-0", "uid": uid, "controller": true,
            "blockOwnerDeletion": true}]);
        assert_eq!(object_of(world, kind, name)["metadata"]["ownerReferences"], expect, "{of}: {kind}");
    }
    let none = object_of(world, "ConfigMap", "of-an-older-one");
    assert!(none["metadata"]["ownerReferences"].is_null(), "{of}: {none}");
}

#[tokio::test(start_paused = true)]
async fn owners_are_found_again_with_one_write_where_they_come_first() {
    let world = owned().await;
    restore_of(&world);
    let counted = Arc::new(Faulty::new(Arc::new(world.fake.clone()), None));
    let deps = world.deps_with(counted.clone(), Ok(Arc::new(world.memory.clone())));
    work(&world, &deps, &RESTORE, "r").await.unwrap();
    check_owners(&world, "whole");
    let patched: Vec<_> = counted
        .log()
        .into_iter()
        .filter(|call| call.starts_with("patch ") && call.contains(" shop/"))
        .collect();
    assert_eq!(patched, ["patch secrets shop/of-item-0"]);
}

#[tokio::test(start_paused = true)]
async fn owners_are_found_again_whenever_the_restore_is_cut_off() {
    for death in [Fault::call(0).then_dead(), Fault::call(0).then_dead().after_effect()] {
        for nth in 1.. {
            let world = owned().await;
            restore_of(&world);
            let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(death.at(nth))));
            let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
            let _died = work(&world, &deps, &RESTORE, "r").await;
            work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
            check_owners(&world, &format!("{death:?} at {nth}"));
            let status = world.get::<Restore>("r").await.unwrap().status;
            assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 0), "{nth}: {status:?}");
            if !faulty.struck() {
                assert!(nth > 25, "the loop has cut off {nth} calls only");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_in_the_cluster_counts_and_one_that_is_nowhere_does_not() {
    for there in [true, false] {
        let world = owned().await;
        if there {
            world.seed(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
            let metadata = json!({"name": "item-0", "namespace": "shop", "uid": "uid-new"});
            world.seed(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}));
        }
        restore_with(&world, json!({"includedResources": ["secrets", "namespaces"]}));
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        let references = &object_of(&world, "Secret", "of-item-0")["metadata"]["ownerReferences"];
        let expect = if there { json!("uid-new") } else { Value::Null };
        assert_eq!(references[0]["uid"], expect, "{there}: {references}");
    }
}

#[tokio::test(start_paused = true)]
async fn owners_that_may_not_be_set_are_a_warning() {
    let world = owned().await;
    restore_of(&world);
    let fault = Fault::every("patch secrets shop/of-item-0").with(ErrorKind::Forbidden);
    let faulty = Faulty::new(Arc::new(world.fake.clone()), Some(fault));
    let deps = world.deps_with(Arc::new(faulty), Ok(Arc::new(world.memory.clone())));
    work(&world, &deps, &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 1), "{status:?}");
    assert!(report_of(&world, RestoreFile::Results, false).await.contains("SLV-2033"));
}

fn definitions() -> ResourceType {
    let (plural, kind) = ("customresourcedefinitions", "CustomResourceDefinition");
    ResourceType::addressed("apiextensions.k8s.io", "v1", plural, kind, false)
}

/// A definition of namespaced widgets.
async fn define(world: &World) -> ObjectRef {
    let name = "widgets.example.com".to_owned();
    let at = ObjectRef { resource: definitions(), namespace: None, name };
    let spec = json!({"group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{"name": "v1", "served": true, "storage": true}]});
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": at.name}, "spec": spec});
    world.fake.create(&at, &definition, cluster::port::WriteOptions::default()).await.unwrap();
    at
}

/// A widget in a backup. Its definition goes, and all widgets with it; one that comes back is not served by itself.
async fn lose_definition(world: &World) -> ObjectRef {
    let at = define(world).await;
    world.seed(json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "shop"}}));
    work(world, &world.deps(), &BACKUP, "b").await.unwrap();
    world.fake.delete(&at, None).await.unwrap();
    world.fake.hold_definitions();
    at
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_the_cluster_does_not_serve_yet_is_waited_for() {
    let world = shop();
    let at = lose_definition(&world).await;
    define(&world).await;
    restore_with(&world, json!({"includedResources": ["widgets.example.com"]}));
    let deps = world.deps();
    let running = work(&world, &deps, &RESTORE, "r");
    let served = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(world.fake.establish(&at.name));
    };
    let (ended, ()) = tokio::join!(running, served);
    ended.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.warnings), (RestorePhase::Completed, 0), "{status:?}");
    assert_eq!(object_of(&world, "Widget", "w")["metadata"]["namespace"], "shop");
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_is_never_established_is_an_error_of_its_own() {
    let world = shop();
    lose_definition(&world).await;
    restore_with(&world, json!({"includedResources": ["customresourcedefinitions"]}));
    let began = cluster::clock::instant();
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let took = began.elapsed();
    assert!((Duration::from_secs(600)..Duration::from_secs(700)).contains(&took), "{took:?}");
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 1), "{status:?}");
    assert!(report_of(&world, RestoreFile::Results, false).await.contains("SLV-2026"));
}
