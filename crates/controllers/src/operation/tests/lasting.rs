//! What does not pass by itself: it ends an operation in minutes, or costs only the object that it is about.

use cluster::fake::FakeCluster;
use jiff::Timestamp;
use store::fault::{self, Faults, Rule};
use store::layer::{Layered, Verb};

use super::super::journal::Journal;
use super::super::{Operation, Place};
use super::*;

/// Deps whose store fails by this rule.
fn failing(world: &World, rule: Rule) -> Arc<Deps> {
    let store = Layered::new(Arc::new(world.memory.clone()), Faults::new(vec![rule]));
    world.deps_with(Arc::new(world.fake.clone()), Ok(Arc::new(store)))
}

/// Deps whose cluster fails in this way.
fn refusing(world: &World, fault: Fault) -> Arc<Deps> {
    let cluster = Faulty::new(Arc::new(world.fake.clone()), Some(fault));
    world.deps_with(Arc::new(cluster), Ok(Arc::new(world.memory.clone())))
}

fn events(fake: &FakeCluster, code: &str) -> usize {
    let is_event = |object: &&Value| object["kind"] == "Event";
    let has_code = |event: &Value| event["message"].as_str().is_some_and(|text| text.starts_with(code));
    fake.objects().iter().filter(is_event).filter(|event| has_code(event)).count()
}

/// Tries again every half minute; when it ended, counted from the first try.
async fn persist(world: &World, deps: &Arc<Deps>, specs: &[&Spec<Deps>], name: &str) -> Option<Duration> {
    let began: Timestamp = deps.now();
    for _ in 0..60 {
        if work(world, deps, specs, name).await.is_ok() {
            return Some(deps.now().duration_since(began).unsigned_abs());
        }
        world.pass(Duration::from_secs(30));
    }
    None
}

#[tokio::test(start_paused = true)]
async fn what_lasts_ends_a_backup_in_minutes_and_each_failure_is_told() {
    let world = shop();
    let denied = failing(&world, Rule::every(Verb::Put, fault::Fault::Before(store::ErrorKind::Denied)));
    let took = persist(&world, &denied, &BACKUP, "b").await.unwrap();
    assert_eq!(took, Duration::from_secs(120));
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!(status.phase, BackupPhase::Failed);
    assert!(status.failure_reason.contains("(SLV-5103)"), "{}", status.failure_reason);
    assert_eq!(events(&world.fake, "SLV-5104"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_for() {
    let world = shop();
    let away = failing(&world, Rule::every(Verb::Put, fault::Fault::Before(store::ErrorKind::Unavailable)));
    assert_eq!(persist(&world, &away, &BACKUP, "b").await, None);
    assert_eq!(world.get::<Backup>("b").await.unwrap().status.phase, BackupPhase::InProgress);
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    assert_eq!(world.get::<Backup>("b").await.unwrap().status.phase, BackupPhase::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_restore_whose_archive_comes_in_pieces_is_tried_again_and_not_given_up() {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    restore_of(&world);
    let broken =
        failing(&world, Rule::every(Verb::Piece, fault::Fault::Before(store::ErrorKind::Unavailable)));
    work(&world, &broken, &RESTORE, "r").await.unwrap_err();
    assert_eq!(world.get::<Restore>("r").await.unwrap().status.phase, RestorePhase::InProgress);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    assert_eq!(world.get::<Restore>("r").await.unwrap().status.phase, RestorePhase::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_refused_costs_only_what_is_in_it() {
    let world = shop();
    world.seed(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "till"}}));
    world.seed(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "namespace": "till"}}),
    );
    let both = json!({"spec": {"includedNamespaces": ["shop", "till"]}});
    patch::<Backup>(&world.deps(), "b", both).await.unwrap();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let till = |world: &World| {
        world.fake.objects().iter().filter(|of| of["metadata"]["namespace"] == "till").count()
    };
    lose(&world).await;
    let namespaces = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
    let at = ObjectRef { resource: namespaces, namespace: None, name: "till".into() };
    world.fake.delete(&at, None).await.unwrap();
    assert_eq!(till(&world), 0);

    restore_of(&world);
    let refused = Fault::every("create namespaces shop").with(ErrorKind::Forbidden);
    work(&world, &refusing(&world, refused), &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 1), "{status:?}");
    assert_eq!(till(&world), 1);
    let results = report_of(&world, RestoreFile::Results, false).await;
    assert!(results.contains("SLV-2021") && results.contains("nothing of namespace shop"), "{results}");
    let list = report_of(&world, RestoreFile::ResourceList, false).await;
    assert!(list.contains("shop/item-0(failed)") && list.contains("till/one(created)"), "{list}");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_refused_is_one_error_of_a_backup() {
    let world = shop();
    define_volumes(&world);
    world.seed(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"}, "spec": {"volumeName": "vol"}, "status": {"phase": "Bound"}}));
    world.seed(json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "vol"},
        "spec": {"claimRef": {"namespace": "shop", "name": "data"}}, "status": {"phase": "Bound"}}));
    let refused = Fault::every("get persistentvolumes vol").with(ErrorKind::Forbidden);
    work(&world, &refusing(&world, refused), &BACKUP, "b").await.unwrap();
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (BackupPhase::PartiallyFailed, 1), "{status:?}");
    assert_eq!(status.progress.unwrap().items_backed_up, 12, "the claim is stored all the same");
    let results: Option<Value> = read_backup_file(&world.memory, "b", BackupFile::Results).await.unwrap();
    let results = results.unwrap().to_string();
    assert!(results.contains("SLV-1110") && !results.contains("SLV-1201"), "{results}");
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_no_restore_would_read_is_no_backup() {
    let world = shop();
    world.seed(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "zeros", "namespace": "shop"},
        "data": {"zeros": "0".repeat(33 << 20)}}),
    );
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!(status.phase, BackupPhase::Failed);
    assert!(status.failure_reason.contains("(SLV-1406)"), "{}", status.failure_reason);
    let left: Vec<_> = world.memory.keys().into_iter().filter(|key| key.starts_with("backups/")).collect();
    assert_eq!(left, ["backups/b/b-logs.gz", "backups/b/b-results.gz"]);
}

#[tokio::test(start_paused = true)]
async fn a_restore_taken_over_before_its_operations_ended_is_not_complete() {
    for (operations, ends) in
        [(json!([]), RestorePhase::Completed), (json!([{}]), RestorePhase::PartiallyFailed)]
    {
        let world = shop();
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        restore_of(&world);
        let waiting = json!({"status": {"phase": "WaitingForPluginOperations", "startTimestamp": crate::testing::START}});
        patch::<Restore>(&world.deps(), "r", waiting).await.unwrap();
        let key = RestoreFile::ItemOperations.key("r");
        world.put(&key, store::backup_files::gzip_json(&key, &operations).unwrap()).await;
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        let status = world.get::<Restore>("r").await.unwrap().status;
        assert_eq!(status.phase, ends, "{status:?}");
        assert_eq!(status.errors > 0, operations != json!([]), "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_the_server_cannot_answer_for_is_one_error_of_a_restore() {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    restore_of(&world);
    // Such as a conversion webhook that fails, in an API server that is well.
    let fails = Fault::every("create secrets shop/item-3");
    work(&world, &refusing(&world, fails), &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 1), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_backup_taken_over_before_its_last_steps_is_brought_to_its_end() {
    let operations = json!([{"spec": {"backupName": "b"}, "status": {"operationPhase": "InProgress"}}]);
    for (phase, operations, ends) in [
        ("Finalizing", json!([]), BackupPhase::Completed),
        ("FinalizingPartiallyFailed", json!([]), BackupPhase::PartiallyFailed),
        ("WaitingForPluginOperations", operations, BackupPhase::PartiallyFailed),
    ] {
        let world = shop();
        let running = json!({"status": {"phase": phase, "startTimestamp": crate::testing::START}});
        let here = json!({"spec": {"storageLocation": "default"}, "status": running["status"]});
        patch::<Backup>(&world.deps(), "b", here).await.unwrap();
        let marker = object("Backup", "b", json!({}), running["status"].clone());
        world.put("backups/b/velero-backup.json", marker.to_string()).await;
        let key = BackupFile::ItemOperations.key("b");
        world.put(&key, store::backup_files::gzip_json(&key, &operations).unwrap()).await;
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        assert_eq!(world.get::<Backup>("b").await.unwrap().status.phase, ends, "{phase}");
        let marker = world.memory.get("backups/b/velero-backup.json").await.unwrap();
        let marker: Value = serde_json::from_slice(&marker).unwrap();
        assert_eq!(marker["status"]["phase"], ends.to_string(), "{phase}");
        let lost = usize::from(operations != json!([]));
        assert_eq!(events(&world.fake, "SLV-1405"), lost);
        let results: Option<Value> = read_backup_file(&world.memory, "b", BackupFile::Results).await.unwrap();
        assert_eq!(results.is_some_and(|results| results.to_string().contains("SLV-1405")), lost == 1);
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_servers_that_plan_one_backup_the_first_counts() {
    let world = shop();
    let document = object("Backup", "b", json!({}), json!({}));
    let place = Place { store: Arc::new(world.memory.clone()), read_only: false };
    let operation = Operation::new(&world.deps(), Backup::resource_type(), &document, place, "");
    let (deposed, _) = Journal::open(&operation).await.unwrap();
    let (holder, _) = Journal::open(&operation).await.unwrap();
    holder.keep(holder.first_spool_file(), vec![1]).await.unwrap();
    holder.save_plan(&json!({"by": "holder"})).await.unwrap();
    deposed.keep(deposed.first_spool_file(), vec![2]).await.unwrap_err();
    deposed.save_plan(&json!({"by": "deposed"})).await.unwrap_err();
    let (again, _) = Journal::open(&operation).await.unwrap();
    assert_eq!(again.plan::<Value>().await.unwrap().unwrap()["by"], "holder");
    assert_eq!(again.first_spool_file(), 1);
}

/// A world that has lost its application, and whose namespace is still on its way out.
async fn leaving() -> (World, ObjectRef) {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    world.seed(json!({"apiVersion": "v1", "kind": "Namespace", "status": {"phase": "Terminating"},
        "metadata": {"name": "shop", "uid": "uid-leaving", "deletionTimestamp": crate::testing::START, "finalizers": ["x.example.com/y"]}}));
    restore_of(&world);
    let resource = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
    (world, ObjectRef { resource, namespace: None, name: "shop".into() })
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_does_not_end_is_waited_for_once_for_all_that_is_in_it() {
    let (world, _) = leaving().await;
    let began = cluster::clock::instant();
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let took = began.elapsed();
    assert!((Duration::from_secs(600)..Duration::from_secs(660)).contains(&took), "{took:?}");
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 1), "{status:?}");
    let results = report_of(&world, RestoreFile::Results, false).await;
    assert!(results.contains("it is still being deleted") && results.contains("SLV-2021"), "{results}");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_ends_in_time_is_made_anew() {
    let (world, at) = leaving().await;
    let deps = world.deps();
    let restoring = work(&world, &deps, &RESTORE, "r");
    let goes = async {
        tokio::time::sleep(Duration::from_secs(300)).await;
        let gone = cluster::port::Patch::Merge(json!({"metadata": {"finalizers": null}}));
        world.fake.patch(&at, None, &gone, Default::default()).await.unwrap();
    };
    let (ended, ()) = tokio::join!(restoring, goes);
    ended.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::Completed, 0), "{status:?}");
    assert_eq!(application(&world).len(), 11);
}
