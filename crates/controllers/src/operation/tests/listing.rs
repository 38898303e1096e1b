//! What a backup collects: lists in pages, lists that are refused, and what is said of them.

use super::hooks::{log, results};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_type_that_cannot_be_listed_is_one_error_and_stops_no_other() {
    let world = shop();
    world.seed(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r", "namespace": "shop"}}));
    let refused = Fault::every("list roles.rbac.authorization.k8s.io shop").with(ErrorKind::Forbidden);
    let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(refused)));
    let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
    work(&world, &deps, &BACKUP, "b").await.unwrap();
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (BackupPhase::PartiallyFailed, 1), "{status:?}");
    assert_eq!(status.progress.unwrap().items_backed_up, 11, "the other types are in it");
    let results = results(&world).await;
    assert!(
        results.contains("SLV-1108")
            && results.contains("roles.rbac.authorization.k8s.io could not be listed"),
        "{results}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_log_says_of_each_list_how_long_it_was_and_when_it_was_true() {
    for size in [0, 1, 2, 500] {
        let world = shop();
        let deps = set(world.deps(), |config| config.limits.page_size = size);
        work(&world, &deps, &BACKUP, "b").await.unwrap();
        let status = world.get::<Backup>("b").await.unwrap().status;
        assert_eq!(status.progress.unwrap().items_backed_up, 11, "pages of {size}");
        let log = log(&world).await;
        let list =
            log.lines().find(|line| line.contains("Listed") && line.contains("resource=secrets")).unwrap();
        assert!(list.contains("Listed 5 objects at version ") && list.contains("namespace=shop"), "{list}");
        let version = list.split("at version ").nth(1).unwrap();
        assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{list}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_type_that_was_defined_a_moment_ago_is_in_the_next_backup() {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    world.fake.define(&ResourceType::addressed("example.com", "v1", "widgets", "Widget", true));
    world.seed(json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "shop", "uid": "uid-w"}}));
    world.seed(object("Backup", "next", json!({"includedNamespaces": ["shop"]}), json!({})));
    work(&world, &world.deps(), &BACKUP, "next").await.unwrap();
    let stored =
        async |name: &str| world.get::<Backup>(name).await.unwrap().status.progress.unwrap().items_backed_up;
    assert_eq!((stored("b").await, stored("next").await), (11, 12));
}

#[tokio::test(start_paused = true)]
async fn warnings_are_counted_and_leave_a_backup_complete() {
    let world = shop();
    let spec =
        json!({"includedNamespaces": ["shop"], "includedResources": ["configmaps", "gadgets", "gizmos"]});
    world.seed(object("Backup", "b", spec, json!({})));
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!((status.phase, status.errors, status.warnings), (BackupPhase::Completed, 0, 2), "{status:?}");
    assert!(results(&world).await.contains("SLV-1101"));
    assert_eq!(log(&world).await.lines().filter(|line| line.contains("level=warning")).count(), 2);
}
