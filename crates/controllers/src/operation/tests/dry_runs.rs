//! Dry runs and plans in a world in memory: they tell what would come of an operation, write nothing but their report, and
//! what is applied is what was looked at.

use api::labels;
use api::velero::v1::DeleteBackupRequest;
use cluster::port::Patch;
use engine::document::{set_annotation, text};
use engine::preview::{Action, BackupPreview, Counts, RestorePreview, moved};
use serde::de::DeserializeOwned;
use store::bucket::{JournalFile, operation_folder};

use super::*;
use crate::server::{deletion, restore_cleanup, sync};

/// Puts a Backup or Restore that is only to be planned into the world.
fn dry(world: &World, kind: &str, name: &str, spec: Value) {
    annotated(world, kind, name, (spec, (labels::DRY_RUN, "true")));
}

fn annotated(world: &World, kind: &str, name: &str, (spec, (key, value)): (Value, (&str, &str))) {
    let mut document = object(kind, name, spec, json!({}));
    set_annotation(&mut document, key, value);
    world.seed(document);
}

/// The report of an operation, as text.
async fn report_text(world: &World, name: &str) -> String {
    let packed = world.memory.get(&JournalFile::DryRun.key(&format!("uid-{name}"))).await.unwrap();
    String::from_utf8(gunzip(&packed, Caps::SIDE_FILE).unwrap()).unwrap()
}

async fn report<T: DeserializeOwned>(world: &World, name: &str) -> T {
    serde_json::from_str(&report_text(world, name).await).unwrap()
}

/// Works on an operation to its end; the writes to anything but its own resource.
async fn writes(world: &World, specs: &[&Spec<Deps>], name: &str) -> (Vec<String>, usize) {
    let counted = Arc::new(Faulty::new(Arc::new(world.fake.clone()), None));
    let deps = world.deps_with(counted.clone(), Ok(Arc::new(world.memory.clone())));
    work(world, &deps, specs, name).await.unwrap();
    let asked = counted.log().iter().filter(|call| call.starts_with("dry-run ")).count();
    let read = ["get ", "list ", "discover ", "read ", "dry-run "];
    let own = format!("velero/{name}");
    let write = |call: &String| !read.iter().any(|verb| call.starts_with(verb)) && !call.ends_with(&own);
    (counted.log().into_iter().filter(write).collect(), asked)
}

/// Everything in the cluster but the operation itself.
fn others(world: &World, name: &str) -> Vec<Value> {
    let own =
        |object: &Value| object["metadata"]["namespace"] == "velero" && object["metadata"]["name"] == name;
    world.fake.objects().into_iter().filter(|object| !own(object)).collect()
}

async fn change(world: &World, kind: &str, name: &str, data: Value) {
    let resource = ResourceType::addressed("", "v1", &format!("{}s", kind.to_lowercase()), kind, true);
    let at = ObjectRef { resource, namespace: Some("shop".into()), name: name.into() };
    let patch = Patch::Merge(json!({ "data": data }));
    world.fake.patch(&at, None, &patch, Default::default()).await.unwrap();
}

async fn forget(world: &World, name: &str) {
    let resource = ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true);
    let at = ObjectRef { resource, namespace: Some("shop".into()), name: name.into() };
    world.fake.delete(&at, None).await.unwrap();
}

/// A shop that was backed up, of which one object has gone since and two have changed.
async fn changed_shop() -> World {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    forget(&world, "item-0").await;
    change(&world, "ConfigMap", "item-1", json!({"number": "seven", "more": "x"})).await;
    change(&world, "Secret", "item-2", json!({"number": "hunter2"})).await;
    world
}

fn update() -> Value {
    json!({"backupName": "b", "existingResourcePolicy": "update"})
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_of_a_backup_writes_its_report_and_nothing_else() {
    let world = shop();
    dry(&world, "Backup", "d", json!({"includedNamespaces": ["shop"]}));
    let before = others(&world, "d");
    assert_eq!(writes(&world, &BACKUP, "d").await, (vec![], 0));
    assert_eq!(others(&world, "d"), before);
    let folder = operation_folder("uid-d");
    assert_eq!(world.memory.keys(), [format!("{folder}dry-run.json.gz"), format!("{folder}owner.json")]);
    let backup = world.get::<Backup>("d").await.unwrap();
    assert_eq!(
        (backup.status.phase, backup.status.errors),
        (BackupPhase::Completed, 0),
        "{:?}",
        backup.status
    );
    let report: BackupPreview = report(&world, "d").await;
    assert_eq!((report.counts.objects, report.counts.namespaces, report.loses()), (11, 1, false));
    let maps = report.saved.iter().find(|group| group.resource.resource == "configmaps").unwrap();
    assert_eq!(maps.names, ["item-0", "item-1", "item-2", "item-3", "item-4"]);
    // The real one saves just that.
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    assert_eq!(world.get::<Backup>("b").await.unwrap().status.progress.unwrap().items_backed_up, 11);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_of_a_restore_tells_differences_and_writes_nothing() {
    let world = changed_shop().await;
    dry(&world, "Restore", "d", update());
    let (before, files) = (others(&world, "d"), world.memory.keys().len());
    let (written, asked) = writes(&world, &RESTORE, "d").await;
    assert_eq!(written, Vec::<String>::new());
    assert_eq!(asked, 12, "a create of each object, and a patch of each that differs");
    assert_eq!(others(&world, "d"), before);
    assert_eq!(world.memory.keys().len(), files + 2);
    let text = report_text(&world, "d").await;
    assert!(!text.contains("hunter2"), "a Secret's value is told: {text}");
    let report: RestorePreview = report(&world, "d").await;
    let expected = Counts { create: 1, update: 2, same: 8, ..Counts::default() };
    assert_eq!(report.outcome.counts, expected, "{text}");
    let of = |action: Action| report.objects.iter().filter(move |object| object.action == action);
    assert_eq!(of(Action::Create).next().unwrap().key.to_string(), "configmaps shop/item-0");
    let fields: Vec<_> = of(Action::Update)
        .flat_map(|object| {
            object.differences.iter().map(move |field| format!("{} {}", object.key, field.path))
        })
        .collect();
    assert_eq!(
        fields,
        ["secrets shop/item-2 data.number", "configmaps shop/item-1 data.number"].map(str::to_owned),
        "what somebody added stays"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_what_differs_is_told_and_stays() {
    let world = changed_shop().await;
    dry(&world, "Restore", "d", json!({"backupName": "b"}));
    work(&world, &world.deps(), &RESTORE, "d").await.unwrap();
    let report: RestorePreview = report(&world, "d").await;
    let expected = Counts { create: 1, keep: 2, same: 8, ..Counts::default() };
    assert_eq!(report.outcome.counts, expected);
    let kept = report.objects.iter().filter(|object| object.action == Action::Keep);
    assert!(kept.clone().all(|object| !object.differences.is_empty() && object.problem.is_some()));
    assert_eq!(world.get::<Restore>("d").await.unwrap().status.warnings, 2);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_applied_does_what_it_said_and_the_next_one_is_empty() {
    for spec in [update(), json!({"backupName": "b"})] {
        let world = changed_shop().await;
        dry(&world, "Restore", "d", spec.clone());
        work(&world, &world.deps(), &RESTORE, "d").await.unwrap();
        let plan: RestorePreview = report(&world, "d").await;
        let digest = plan.outcome.digest.as_str();
        annotated(&world, "Restore", "r", (spec.clone(), (labels::EXPECTED_PLAN, digest)));
        let counted = Arc::new(Faulty::new(Arc::new(world.fake.clone()), None));
        let deps = world.deps_with(counted.clone(), Ok(Arc::new(world.memory.clone())));
        work(&world, &deps, &RESTORE, "r").await.unwrap();
        let restore = world.get::<Restore>("r").await.unwrap();
        assert_eq!(restore.status.phase, RestorePhase::Completed, "{:?}", restore.status);
        let changed = |action: Action| plan.objects.iter().filter(move |object| object.action == action);
        for object in changed(Action::Update) {
            assert!(counted.log().contains(&format!("patch {}", object.key)), "{}", object.key);
        }
        for object in changed(Action::Create) {
            let found = world.fake.objects().into_iter().find(|found| {
                found["kind"] == "ConfigMap" && text(found, &["metadata", "name"]) == object.key.name
            });
            let uid = found.unwrap()["metadata"]["annotations"][labels::OPERATION_UID].clone();
            assert_eq!(uid, "uid-r", "{}", object.key);
        }
        dry(&world, "Restore", "again", spec);
        work(&world, &world.deps(), &RESTORE, "again").await.unwrap();
        let again: RestorePreview = report(&world, "again").await;
        assert!(again.outcome.counts.is_nothing(), "{:?}", again.outcome.counts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_refused_when_the_cluster_has_moved_and_nothing_is_written() {
    let world = changed_shop().await;
    dry(&world, "Restore", "d", update());
    work(&world, &world.deps(), &RESTORE, "d").await.unwrap();
    let plan: RestorePreview = report(&world, "d").await;
    change(&world, "ConfigMap", "item-3", json!({"number": "another"})).await;
    let digest = plan.outcome.digest.as_str();
    annotated(&world, "Restore", "r", (update(), (labels::EXPECTED_PLAN, digest)));
    let before = others(&world, "r");
    assert_eq!(writes(&world, &RESTORE, "r").await.0, Vec::<String>::new());
    assert_eq!(others(&world, "r"), before);
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!(status.phase, RestorePhase::FailedValidation);
    assert!(status.validation_errors[0].ends_with("(SLV-6004)"), "{:?}", status.validation_errors);
    let now: RestorePreview = report(&world, "r").await;
    assert_eq!(moved(&plan, &now), ["configmaps shop/item-3 was changed in the cluster"]);
}

#[tokio::test(start_paused = true)]
async fn what_goes_into_a_namespace_that_is_not_there_is_not_asked() {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    dry(&world, "Restore", "d", json!({"backupName": "b", "namespaceMapping": {"shop": "moon"}}));
    let (written, asked) = writes(&world, &RESTORE, "d").await;
    assert_eq!((written, asked), (vec![], 1), "the namespace is asked for");
    let report: RestorePreview = report(&world, "d").await;
    assert_eq!(report.outcome.counts, Counts { create: 11, ..Counts::default() });
    let asked = report.objects.iter().filter(|object| object.note.is_empty()).count();
    assert_eq!(asked, 1, "what was not asked says so");
}

#[tokio::test(start_paused = true)]
async fn the_words_of_admission_are_told_and_a_webhook_that_cannot_be_asked_is_unknown() {
    let denied = "admission webhook \"guard\" denied the request: no";
    let unasked = "admission webhook \"audit\" does not support dry run";
    for (words, action) in [(denied, Action::Refused), (unasked, Action::Unknown)] {
        let world = changed_shop().await;
        dry(&world, "Restore", "d", json!({"backupName": "b"}));
        let fault =
            Fault::every("dry-run create configmaps shop/item-0").with(ErrorKind::Forbidden).saying(words);
        let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(fault)));
        let deps = world.deps_with(faulty, Ok(Arc::new(world.memory.clone())));
        work(&world, &deps, &RESTORE, "d").await.unwrap();
        let report: RestorePreview = report(&world, "d").await;
        let object =
            report.objects.iter().find(|object| object.key.name == "item-0" && object.action == action);
        let problem = object.unwrap_or_else(|| panic!("{:?}", report.outcome)).problem.as_ref().unwrap();
        assert!(problem.message.contains(words), "{}", problem.message);
        assert_eq!(report.outcome.loses(), action == Action::Refused);
        let status = world.get::<Restore>("d").await.unwrap().status;
        assert_eq!(status.errors, isize::from(action == Action::Refused), "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_cut_off_at_any_call_ends_the_same() {
    for nth in 1.. {
        let world = changed_shop().await;
        dry(&world, "Restore", "d", update());
        let before = others(&world, "d");
        let fault = Fault::call(nth).then_dead();
        let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(fault)));
        let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
        let _died = work(&world, &deps, &RESTORE, "d").await;
        work(&world, &world.deps(), &RESTORE, "d").await.unwrap();
        let report: RestorePreview = report(&world, "d").await;
        assert_eq!(report.outcome.counts.update, 2, "call {nth}");
        let without_events: Vec<_> =
            others(&world, "d").into_iter().filter(|object| object["kind"] != "Event").collect();
        assert_eq!(without_events, before, "call {nth}");
        if !faulty.struck() {
            assert!(nth > 15, "the loop has cut off {nth} calls only");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_only_location_is_not_written_to() {
    let world = changed_shop().await;
    close(&world).await;
    dry(&world, "Restore", "d", update());
    let files = world.memory.keys();
    work(&world, &world.deps(), &RESTORE, "d").await.unwrap();
    assert_eq!(world.get::<Restore>("d").await.unwrap().status.phase, RestorePhase::Completed);
    assert_eq!(world.memory.keys(), files);
    let maps = configmaps::ConfigMaps::open(&world.deps(), "uid-d", Value::Null).await.unwrap();
    let packed = maps.get(&JournalFile::DryRun.name()).unwrap();
    let report: RestorePreview = serde_json::from_slice(&gunzip(&packed, Caps::SIDE_FILE).unwrap()).unwrap();
    assert_eq!(report.outcome.counts.update, 2);
    // The sweep leaves it as long as its Restore is there.
    world.reconcile(&sweep::SPEC, "default").await.unwrap();
    assert_eq!(configmaps::held(&world.deps()).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_that_cannot_be_planned_fails_and_leaves_no_files_of_a_backup() {
    let world = shop();
    dry(&world, "Restore", "d", json!({"backupName": "none"}));
    work(&world, &world.deps(), &RESTORE, "d").await.unwrap();
    assert_eq!(world.get::<Restore>("d").await.unwrap().status.phase, RestorePhase::FailedValidation);
    dry(&world, "Backup", "late", json!({"includedNamespaces": ["shop"]}));
    let away = DyingStore::new(world.memory.clone(), 0);
    let deps = world.deps_with(Arc::new(world.fake.clone()), Ok(Arc::new(away)));
    assert!(work(&world, &deps, &BACKUP, "late").await.is_err(), "its report has no place");
    world.pass(TOO_LONG);
    work(&world, &world.deps(), &BACKUP, "late").await.unwrap();
    assert_eq!(world.get::<Backup>("late").await.unwrap().status.phase, BackupPhase::Failed);
    assert!(world.memory.keys().iter().all(|key| !key.starts_with("backups/")), "{:?}", world.memory.keys());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_that_makes_no_sense_is_refused_at_once_and_in_the_words_of_the_real_one() {
    let world = shop_and_till().await;
    let spec = json!({"backupName": "b", "namespaceMapping": {"till": "shop"}});
    dry(&world, "Restore", "d", spec.clone());
    world.seed(object("Restore", "r", spec, json!({})));
    for name in ["d", "r"] {
        work(&world, &world.deps(), &RESTORE, name).await.unwrap();
        let status = world.get::<Restore>(name).await.unwrap().status;
        assert_eq!(status.phase, RestorePhase::FailedValidation, "{name}");
        let said = "the namespace mapping sends objects to the same places: configmaps shop/item-0 and till/item-0 (SLV-2004)";
        assert_eq!(status.validation_errors, [said], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn sync_leaves_a_dry_run_alone_and_nothing_is_restored_from_it() {
    let world = shop();
    dry(&world, "Backup", "d", json!({"includedNamespaces": ["shop"]}));
    work(&world, &world.deps(), &BACKUP, "d").await.unwrap();
    world.pass(Duration::from_secs(3600));
    world.reconcile(&sync::SPEC, "default").await.unwrap();
    assert!(world.get::<Backup>("d").await.is_some(), "it is no orphan");
    world.seed(object("Restore", "r", json!({"backupName": "d"}), json!({})));
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!(status.validation_errors, ["backup \"d\" is a dry run: it holds nothing"]);
}

#[tokio::test(start_paused = true)]
async fn deleting_a_dry_run_leaves_the_folders_of_its_name() {
    let world = shop();
    world.put("backups/d/d.tar.gz", "another's").await;
    world.put("restores/d/restore-d-logs.gz", "another's").await;
    dry(&world, "Backup", "d", json!({"includedNamespaces": ["shop"]}));
    work(&world, &world.deps(), &BACKUP, "d").await.unwrap();
    world.seed(object("DeleteBackupRequest", "x", json!({"backupName": "d"}), json!({})));
    world.reconcile(&deletion::SPEC, "x").await.unwrap();
    assert!(world.get::<Backup>("d").await.is_none());
    assert!(world.get::<DeleteBackupRequest>("x").await.is_none());
    assert_eq!(world.memory.keys(), ["backups/d/d.tar.gz", "restores/d/restore-d-logs.gz"]);

    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    dry(&world, "Restore", "d", json!({"backupName": "b"}));
    work(&world, &world.deps(), &RESTORE, "d").await.unwrap();
    delete::<Restore>(&world.deps(), "d", "").await.unwrap();
    world.reconcile(&restore_cleanup::SPEC, "d").await.unwrap();
    assert!(world.get::<Restore>("d").await.is_none());
    let keys = world.memory.keys();
    assert!(keys.contains(&"restores/d/restore-d-logs.gz".to_owned()), "{keys:?}");
    assert!(keys.iter().all(|key| !key.starts_with("plugins/")), "{keys:?}");
}

#[tokio::test(start_paused = true)]
async fn dry_runs_that_nobody_deletes_go_after_a_day() {
    let world = shop();
    dry(&world, "Backup", "d", json!({"includedNamespaces": ["shop"]}));
    work(&world, &world.deps(), &BACKUP, "d").await.unwrap();
    world.pass(Duration::from_secs(23 * 3600));
    world.reconcile(&sweep::SPEC, "default").await.unwrap();
    assert_eq!(journals(&world).await.len(), 2, "somebody may still look at it");
    world.pass(Duration::from_secs(2 * 3600));
    world.reconcile(&sweep::SPEC, "default").await.unwrap();
    assert!(world.get::<Backup>("d").await.is_none());
    assert_eq!(journals(&world).await, Vec::<String>::new());
}
