//! Hooks: around a backup and after a restore, by servers that live and by servers that die at any call.

use super::*;
use crate::testing::{START, stands_still};

/// A pod that runs, with annotations.
pub(super) fn pod(name: &str, annotations: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "labels": {"app": name}, "annotations": annotations},
        "spec": {"nodeName": "node", "containers": [{"name": "main"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "ready": true, "state": {"running": {}}}]}})
}

/// The shop with a pod whose annotations ask for hooks, and another that the Backup has hooks for.
fn hooked() -> World {
    let world = shop();
    world.fake.run_pods();
    world.seed(pod(
        "a",
        &json!({
            "pre.hook.backup.velero.io/command": "[\"echo\", \"freeze-a\"]",
            "post.hook.backup.velero.io/command": "[\"echo\", \"thaw-a\"]",
            "post.hook.restore.velero.io/command": "[\"echo\", \"warm-a\"]",
        }),
    ));
    world.seed(pod("b", &json!({})));
    let exec = |word: &str| json!({"exec": {"command": ["echo", word]}});
    let entry = json!({"name": "of-b", "labelSelector": {"matchLabels": {"app": "b"}},
        "pre": [exec("lock-b"), exec("flush-b")], "post": [exec("unlock-b")]});
    let spec =
        json!({"includedNamespaces": ["shop"], "snapshotVolumes": false, "hooks": {"resources": [entry]}});
    world.seed(object("Backup", "b", spec, json!({})));
    world
}

/// The words that hooks wrote, in order.
pub(super) fn words(world: &World) -> Vec<String> {
    world.fake.commands().iter().map(|command| command.rsplit(' ').next().unwrap().to_owned()).collect()
}

pub(super) fn times(words: &[String], word: &str) -> usize {
    words.iter().filter(|of| *of == word).count()
}

const AROUND: [&str; 5] = ["freeze-a", "thaw-a", "lock-b", "flush-b", "unlock-b"];

pub(super) async fn results(world: &World) -> String {
    let found: Option<Value> = read_backup_file(&world.memory, "b", BackupFile::Results).await.unwrap();
    found.unwrap().to_string()
}

pub(super) async fn log(world: &World) -> String {
    let packed = world.memory.get(&BackupFile::Logs.key("b")).await.unwrap();
    String::from_utf8(gunzip(&packed, Caps::SIDE_FILE).unwrap()).unwrap()
}

/// A Restore with hooks, of which the spec may have some.
fn restore_with(world: &World, hooks: &Value) {
    world.seed(object("Restore", "r", json!({"backupName": "b", "hooks": hooks}), json!({})));
}

#[tokio::test(start_paused = true)]
async fn hooks_run_around_the_backup_and_after_the_restore() {
    let world = hooked();
    let before = application(&world);
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    assert_eq!(words(&world), AROUND);
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (BackupPhase::Completed, 0), "{status:?}");
    let hooks = status.hook_status.unwrap();
    assert_eq!((hooks.hooks_attempted, hooks.hooks_failed), (5, 0));
    let log = log(&world).await;
    let line = log.lines().find(|line| line.contains("thaw-a")).unwrap();
    for part in [
        "msg=\"post hook succeeded\"",
        "pod=a",
        "container=main",
        "exitCode=0",
        "seconds=",
        "backup=velero/b",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }

    lose(&world).await;
    restore_of(&world);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    assert_eq!(words(&world)[5..], ["warm-a"]);
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!(status.phase, RestorePhase::Completed, "{status:?}");
    let hooks = status.hook_status.unwrap();
    assert_eq!((hooks.hooks_attempted, hooks.hooks_failed), (1, 0));
    assert!(report_of(&world, RestoreFile::Logs, false).await.contains("stdout=\"warm-a\\n\""));
    assert_eq!(application(&world), before);
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_hooks_fail_is_released_and_stored() {
    for (pre, code) in
        [("[\"false\"]", "SLV-1150"), ("[\"sleep\", \"60\"]", "SLV-1150"), ("[\"freeze\"]", "SLV-1150")]
    {
        let world = hooked();
        world.seed(pod("a", &json!({
            "pre.hook.backup.velero.io/command": pre, "post.hook.backup.velero.io/command": "[\"echo\", \"thaw-a\"]",
        })));
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        let status = world.get::<Backup>("b").await.unwrap().status;
        assert_eq!((status.phase, status.errors), (BackupPhase::PartiallyFailed, 1), "{status:?}");
        assert_eq!(status.progress.unwrap().items_backed_up, 13, "the pod is stored all the same");
        let hooks = status.hook_status.unwrap();
        assert_eq!((hooks.hooks_attempted, hooks.hooks_failed), (5, 1));
        assert_eq!(times(&words(&world), "thaw-a"), 1);
        assert!(results(&world).await.contains(code), "{pre}");
        assert_eq!(errors_told(&log(&world).await), [code], "{pre}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_told_once_in_the_log_of_a_restore_and_as_an_error() {
    let world = hooked();
    world.seed(pod("a", &json!({"post.hook.restore.velero.io/command": "[\"false\"]"})));
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    restore_of(&world);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 1), "{status:?}");
    assert_eq!(errors_told(&report_of(&world, RestoreFile::Logs, false).await), ["SLV-2080"]);
}

/// The codes in those lines of a log that are errors.
fn errors_told(log: &str) -> Vec<&str> {
    let errors = log.lines().filter(|line| line.contains(" level=error "));
    let codes = errors.filter_map(|line| line.split(" code=").nth(1));
    codes.filter_map(|rest| rest.split(' ').next()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_not_there_fails_at_once() {
    let world = hooked();
    world.seed(pod(
        "a",
        &json!({
            "pre.hook.backup.velero.io/command": "true", "pre.hook.backup.velero.io/container": "none",
            "post.hook.restore.velero.io/command": "true", "post.hook.restore.velero.io/container": "none",
        }),
    ));
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    assert_eq!(world.get::<Backup>("b").await.unwrap().status.phase, BackupPhase::PartiallyFailed);
    assert!(results(&world).await.contains("SLV-1151"));
    lose(&world).await;
    restore_of(&world);
    let began = cluster::clock::instant();
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(60));
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 1), "{status:?}");
    assert!(report_of(&world, RestoreFile::Results, false).await.contains("SLV-2081"));
}

const DEATHS: [fn() -> Fault; 3] = [
    || Fault::call(0).then_dead(),
    || Fault::call(0).then_dead().after_effect(),
    || Fault::call(0).then_dead().with(ErrorKind::Unauthorized),
];

/// Whether a server died while it ran a command.
fn died_in_a_hook(faulty: &Faulty, nth: usize) -> bool {
    faulty.log().get(nth - 1).is_some_and(|call| call.starts_with("run a command"))
}

#[tokio::test(start_paused = true)]
async fn a_backup_cut_off_at_any_call_runs_no_hook_twice_and_releases_every_pod() {
    for death in DEATHS {
        let mut in_hooks = 0;
        for nth in 1.. {
            let world = hooked();
            let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(death().at(nth))));
            let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
            let _died = work(&world, &deps, &BACKUP, "b").await;
            let ran = words(&world);
            work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
            if !faulty.struck() {
                assert!(in_hooks == 5 && nth > 10, "{in_hooks} of {nth} calls");
                break;
            }
            let died_in_a_hook = died_in_a_hook(&faulty, nth);
            in_hooks += usize::from(died_in_a_hook);
            released(&world, &ran, died_in_a_hook).await;
        }
    }
}

/// What has run when a backup ends whose first server died when `ran` had run.
async fn released(world: &World, ran: &[String], died_in_a_hook: bool) {
    let words = words(world);
    let status = world.get::<Backup>("b").await.unwrap().status;
    let results = results(world).await;
    let (again, cut_off) = (results.contains("SLV-1154"), results.contains("SLV-1152"));
    let told = format!("{ran:?}, then {words:?}: {results}");
    assert_eq!(again || cut_off, died_in_a_hook, "{told}");
    assert_eq!(
        status.phase,
        if cut_off { BackupPhase::PartiallyFailed } else { BackupPhase::Completed },
        "{told}"
    );
    assert_eq!(status.progress.unwrap().items_backed_up, 13, "{told}");
    for word in ["freeze-a", "lock-b", "flush-b"] {
        assert!(times(&words, word) <= 1 && (cut_off || times(&words, word) == 1), "{told}");
    }
    for word in ["thaw-a", "unlock-b"] {
        let times = times(&words, word);
        assert!(times == 1 || (times == 2 && again), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_cut_off_at_any_call_to_the_store_runs_no_hook_twice() {
    for nth in 0.. {
        let world = hooked();
        let dying = DyingStore::new(world.memory.clone(), nth);
        let deps = world.deps_with(Arc::new(world.fake.clone()), Ok(Arc::new(dying)));
        let died = work(&world, &deps, &BACKUP, "b").await.is_err();
        let ran = words(&world);
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        let results = results(&world).await;
        // The command ran to its end, and that could not be written down.
        let lost = results.contains("SLV-1152") || results.contains("SLV-1154");
        released(&world, &ran, lost).await;
        if !died {
            assert!(nth > 20, "the loop has cut off {nth} calls only");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_the_server_cannot_run_is_one_error_and_the_backup_goes_on() {
    for after in [false, true] {
        for nth in 1.. {
            let world = hooked();
            let fault = if after { Fault::write(nth).after_effect() } else { Fault::write(nth) };
            let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(fault)));
            let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
            let _tried = work(&world, &deps, &BACKUP, "b").await;
            work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
            if !faulty.struck() {
                break;
            }
            let writes = ["run a command", "create", "patch", "replace", "delete"];
            let log = faulty.log();
            let call =
                log.iter().filter(|call| writes.iter().any(|write| call.starts_with(write))).nth(nth - 1);
            let failed = call.unwrap().starts_with("run a command");
            let status = world.get::<Backup>("b").await.unwrap().status;
            assert_eq!(status.phase == BackupPhase::PartiallyFailed, failed, "{call:?} {status:?}");
            assert_eq!(results(&world).await.contains("SLV-1150"), failed);
            assert!(AROUND.iter().all(|word| times(&words(&world), word) <= 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_is_given_up_releases_what_is_at_rest() {
    let freeze = {
        let world = hooked();
        let counted = Arc::new(Faulty::new(Arc::new(world.fake.clone()), None));
        let deps = world.deps_with(counted.clone(), Ok(Arc::new(world.memory.clone())));
        work(&world, &deps, &BACKUP, "b").await.unwrap();
        counted.log().iter().position(|call| call.starts_with("run a command")).unwrap() + 1
    };
    let world = hooked();
    let faulty =
        Faulty::new(Arc::new(world.fake.clone()), Some(Fault::call(freeze).then_dead().after_effect()));
    let deps = world.deps_with(Arc::new(faulty), Ok(Arc::new(world.memory.clone())));
    work(&world, &deps, &BACKUP, "b").await.unwrap_err();
    assert_eq!(words(&world), ["freeze-a"]);
    world.pass(TOO_LONG);
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    assert_eq!(words(&world), ["freeze-a", "thaw-a"]);
    let status = world.get::<Backup>("b").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (BackupPhase::Failed, 2), "{status:?}");
    let hooks = status.hook_status.unwrap();
    assert_eq!((hooks.hooks_attempted, hooks.hooks_failed), (2, 1));
    let results = results(&world).await;
    assert!(results.contains("SLV-1152") && results.contains("SLV-1404"), "{results}");
}

#[tokio::test(start_paused = true)]
async fn a_backup_deleted_while_its_server_is_dead_is_released_by_the_next() {
    let mut released = 0;
    for nth in 1.. {
        let world = hooked();
        let fault = Fault::call(nth).then_dead().after_effect();
        let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(fault)));
        let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
        let _died = work(&world, &deps, &BACKUP, "b").await;
        if !faulty.struck() {
            assert!(released > 2, "{released} of {nth} calls");
            return;
        }
        delete::<Backup>(&world.deps(), "b", "").await.unwrap();
        let ran = words(&world);
        world.pass(Duration::from_secs(7200));
        world.reconcile(&sweep::SPEC, "default").await.unwrap();
        let words = words(&world);
        for (rest, release) in [("freeze-a", "thaw-a"), ("lock-b", "unlock-b")] {
            assert_eq!(times(&words, rest) > 0, times(&words, release) > 0, "{ran:?}, then {words:?}");
        }
        released += words.len() - ran.len();
        assert!(journals(&world).await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stood_still_runs_at_most_the_command_that_was_on_its_way() {
    for nth in 1.. {
        let world = hooked();
        let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(Fault::call(nth).late())));
        let ice = faulty.ice();
        let store = DyingStore::of(world.memory.clone(), faulty.death());
        let late = world.deps_with(faulty.clone(), Ok(Arc::new(store)));
        let first = work(&world, &late, &BACKUP, "b");
        tokio::pin!(first);
        if !stands_still(first.as_mut(), &ice).await {
            assert!(nth > 10, "the loop has stopped {nth} calls only");
            return;
        }
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        let ran = words(&world).len();
        ice.thaw();
        let _deposed = first.await;
        let on_its_way = usize::from(died_in_a_hook(&faulty, nth));
        assert_eq!(words(&world).len(), ran + on_its_way, "call {nth}: {:?}", words(&world));
    }
}

/// A world that has lost what its backup has.
async fn lost() -> World {
    let world = hooked();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_restore_cut_off_at_any_call_runs_its_hook_once() {
    for death in DEATHS {
        for nth in 1.. {
            let world = lost().await;
            restore_of(&world);
            let faulty = Arc::new(Faulty::new(Arc::new(world.fake.clone()), Some(death().at(nth))));
            let deps = world.deps_with(faulty.clone(), Ok(Arc::new(world.memory.clone())));
            let _died = work(&world, &deps, &RESTORE, "r").await;
            work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
            if !faulty.struck() {
                assert!(nth > 20, "the loop has cut off {nth} calls only");
                break;
            }
            let warm = times(&words(&world), "warm-a");
            let status = world.get::<Restore>("r").await.unwrap().status;
            let told = format!("call {nth} {:?}: {status:?}", faulty.log().get(nth - 1));
            if died_in_a_hook(&faulty, nth) {
                assert!(warm <= 1 && status.phase == RestorePhase::PartiallyFailed, "{told}");
                assert!(report_of(&world, RestoreFile::Results, false).await.contains("SLV-2082"), "{told}");
            } else {
                assert_eq!((warm, status.phase), (1, RestorePhase::Completed), "{told}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_does_not_come_up_costs_only_its_own_hooks_and_only_so_much_time() {
    let world = hooked();
    let mut stuck = pod("stuck", &json!({}));
    stuck["spec"]["nodeSelector"] = json!({"disk": "none"});
    world.seed(stuck);
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    let exec = |more: Value| {
        let mut exec = json!({"command": ["echo", "never"], "onError": "Continue"});
        merge(&mut exec, &more);
        json!({"exec": exec})
    };
    // None of them says how long to wait, but for the first.
    restore_with(
        &world,
        &json!({"resources": [{"name": "h", "labelSelector": {"matchLabels": {"app": "stuck"}},
        "postHooks": [exec(json!({"waitTimeout": "1m"})), exec(json!({}))]}]}),
    );
    let before = words(&world).len();
    let began = cluster::clock::instant();
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    assert_eq!(words(&world)[before..], ["warm-a"], "an expired hook is not run");
    let took = began.elapsed();
    assert!((Duration::from_secs(4 * 3600)..Duration::from_secs(5 * 3600)).contains(&took), "{took:?}");
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 2), "{status:?}");
    let hooks = status.hook_status.unwrap();
    assert_eq!((hooks.hooks_attempted, hooks.hooks_failed), (3, 2));
    let results = report_of(&world, RestoreFile::Results, false).await;
    assert!(
        results.contains("within 1m0s (SLV-2084)") && results.contains("within 4h0m0s (SLV-2084)"),
        "{results}"
    );
}

fn merge(document: &mut Value, more: &Value) {
    for (field, value) in more.as_object().into_iter().flatten() {
        document[field] = value.clone();
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_there_already_or_goes_gets_no_hook() {
    let world = hooked();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    restore_of(&world);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    assert_eq!(times(&words(&world), "warm-a"), 0);
    let hooks = world.get::<Restore>("r").await.unwrap().status.hook_status.unwrap();
    assert_eq!((hooks.hooks_attempted, hooks.hooks_failed), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_becomes_ready_later_is_waited_for_and_one_that_goes_is_not() {
    for (status, metadata, ran) in [
        (
            json!({"phase": "Running", "containerStatuses": [{"name": "main", "ready": true, "state": {"running": {}}}]}),
            json!({}),
            1,
        ),
        (json!({"phase": "Running"}), json!({"deletionTimestamp": START}), 0),
        (json!({"phase": "Failed"}), json!({}), 0),
    ] {
        let world = hooked();
        let mut slow = pod(
            "a",
            &json!({"post.hook.restore.velero.io/command": "[\"echo\", \"warm-a\"]",
            "post.hook.restore.velero.io/wait-for-ready": "true"}),
        );
        slow["spec"]["nodeSelector"] = json!({"disk": "slow"});
        world.seed(slow);
        work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
        lose(&world).await;
        restore_of(&world);
        let deps = world.deps();
        let restoring = work(&world, &deps, &RESTORE, "r");
        tokio::pin!(restoring);
        let node = async {
            // Long after the restore has begun to wait.
            tokio::time::sleep(Duration::from_secs(600)).await;
            let found = world
                .fake
                .objects()
                .into_iter()
                .find(|of| of["kind"] == "Pod" && of["metadata"]["name"] == "a");
            let mut found = found.unwrap();
            found["status"] = status;
            found["spec"]["nodeName"] = json!("node");
            merge(&mut found["metadata"], &metadata);
            world.seed(found);
        };
        let (outcome, ()) = tokio::join!(restoring, node);
        outcome.unwrap();
        assert_eq!(times(&words(&world), "warm-a"), ran);
        let status = world.get::<Restore>("r").await.unwrap().status;
        assert_eq!(status.phase == RestorePhase::Completed, ran == 1, "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn restored_pods_have_the_init_containers_of_hooks() {
    let world = lost().await;
    let container = json!({"name": "prepare", "image": "busybox", "command": ["true"]});
    restore_with(
        &world,
        &json!({"resources": [{"name": "h", "postHooks": [{"init": {"initContainers": [container]}}]}]}),
    );
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let pods: Vec<_> = world.fake.objects().into_iter().filter(|of| of["kind"] == "Pod").collect();
    assert_eq!(pods.len(), 2);
    assert!(pods.iter().all(|pod| pod["spec"]["initContainers"] == json!([container])), "{pods:?}");
}
