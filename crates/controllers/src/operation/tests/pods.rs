//! Hooks of restored pods: container by container, and on what a modifier makes of the pods.

use super::*;
use crate::testing::NAMESPACE;

/// A pod that runs, with these containers and annotations.
fn pod(name: &str, containers: &[&str], annotations: &Value) -> Value {
    let of: Vec<Value> = containers.iter().map(|name| json!({ "name": name })).collect();
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "labels": {"app": name},
            "annotations": annotations},
        "spec": {"nodeName": "node", "containers": of}, "status": {"phase": "Running"}})
}

/// The last words of the commands that ran, in order.
fn words(world: &World) -> Vec<String> {
    world.fake.commands().iter().map(|command| command.rsplit(' ').next().unwrap().to_owned()).collect()
}

/// A world in which these pods were backed up and lost.
async fn lost(pods: Vec<Value>) -> World {
    let world = shop();
    world.fake.run_pods();
    pods.into_iter().for_each(|pod| world.seed(pod));
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    lose(&world).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_container_that_does_not_come_up_holds_up_no_hook_of_another() {
    let mut slow = pod("slow", &["main", "side"], &json!({}));
    // No node takes it: the test says what becomes of its containers.
    slow["spec"]["nodeSelector"] = json!({"disk": "none"});
    let world = lost(vec![slow]).await;
    let exec = |container: &str, word: &str, wait: &str| json!({"exec": {"container": container, "command": ["echo", word], "waitTimeout": wait}});
    let hooks = [exec("side", "of-side", "1h"), exec("main", "first", "5m"), exec("main", "second", "5m")];
    restore_with(&world, json!({"hooks": {"resources": [{"name": "h", "postHooks": hooks}]}}));
    let deps = world.deps();
    let restoring = work(&world, &deps, &RESTORE, "r");
    let node = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let is = |of: &Value| of["kind"] == "Pod" && of["metadata"]["name"] == "slow";
        let mut found = world.fake.objects().into_iter().find(is).unwrap();
        found["spec"]["nodeName"] = json!("node");
        found["status"] = json!({"phase": "Pending", "containerStatuses": [
            {"name": "main", "ready": true, "state": {"running": {}}}, {"name": "side", "state": {"waiting": {}}}]});
        world.seed(found);
    };
    let (ended, ()) = tokio::join!(restoring, node);
    ended.unwrap();
    assert_eq!(words(&world), ["first", "second"]);
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!((status.phase, status.errors), (RestorePhase::PartiallyFailed, 1), "{status:?}");
    let hooks = status.hook_status.unwrap();
    assert_eq!((hooks.hooks_attempted, hooks.hooks_failed), (3, 1));
    let results = report_of(&world, RestoreFile::Results, false).await;
    assert!(results.contains("container side") && results.contains("within 1h0m0s (SLV-2084)"), "{results}");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_stops_the_others_of_its_pod_only_where_it_says_so() {
    for (on_error, expected) in
        [(None, vec!["second"]), (Some("Continue"), vec!["second"]), (Some("Fail"), vec![])]
    {
        let world = lost(vec![pod("a", &["main"], &json!({}))]).await;
        let mut first = json!({"command": ["false"]});
        if let Some(mode) = on_error {
            first["onError"] = mode.into();
        }
        let hooks = [json!({ "exec": first }), json!({"exec": {"command": ["echo", "second"]}})];
        restore_with(&world, json!({"hooks": {"resources": [{"name": "h", "postHooks": hooks}]}}));
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        let ran: Vec<String> = words(&world).into_iter().filter(|word| word != "false").collect();
        assert_eq!(ran, expected, "{on_error:?}");
        let status = world.get::<Restore>("r").await.unwrap().status;
        assert_eq!(status.phase, RestorePhase::PartiallyFailed, "{on_error:?}: {status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_follow_what_a_modifier_makes_of_a_pod() {
    let command = "post.hook.restore.velero.io/command";
    let warm = json!({ command: "[\"echo\", \"warm-a\"]" });
    let world = lost(vec![pod("a", &["main"], &warm), pod("b", &["main"], &json!({}))]).await;
    let rule = |name: &str, metadata: Value| {
        json!({"conditions": {"groupResource": "pods", "resourceNameRegex": format!("^{name}$")},
            "mergePatches": [{"patchData": json!({ "metadata": metadata }).to_string()}]})
    };
    let rules = json!({"version": "v1", "resourceModifierRules": [
        rule("a", json!({"annotations": { command: null }})),
        rule("b", json!({"labels": {"app": "c"}})),
    ]});
    world.seed(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": NAMESPACE},
        "data": {"rules.yaml": rules.to_string()}}),
    );
    let entry = |app: &str| {
        json!({"name": app, "labelSelector": {"matchLabels": {"app": app}},
            "postHooks": [{"exec": {"command": ["echo", format!("of-{app}")]}}]})
    };
    let spec = json!({"resourceModifier": {"kind": "configmap", "name": "m"},
        "hooks": {"resources": [entry("b"), entry("c")]}});
    restore_with(&world, spec);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    assert_eq!(words(&world), ["of-c"]);
    let status = world.get::<Restore>("r").await.unwrap().status;
    assert_eq!(status.phase, RestorePhase::Completed, "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn hooks_of_several_containers_run_once_whenever_the_restore_is_cut_off() {
    let (mut whole, mut cut_off) = (0, 0);
    for nth in 1.. {
        let world = lost(vec![pod("a", &["main", "side"], &json!({}))]).await;
        let exec = |container: &str, word: &str| json!({"exec": {"container": container, "command": ["echo", word]}});
        let hooks = [exec("main", "first"), exec("side", "beside"), exec("main", "second")];
        restore_with(&world, json!({"hooks": {"resources": [{"name": "h", "postHooks": hooks}]}}));
        let faulty = Faulty::new(Arc::new(world.fake.clone()), Some(Fault::call(nth).then_dead()));
        let faulty = Arc::new(faulty);
        let store = DyingStore::of(world.memory.clone(), faulty.death());
        let deps = world.deps_with(faulty.clone(), Ok(Arc::new(store)));
        let _died = work(&world, &deps, &RESTORE, "r").await;
        work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
        let ran = words(&world);
        let times = ["first", "beside", "second"].map(|word| ran.iter().filter(|of| *of == word).count());
        let status = world.get::<Restore>("r").await.unwrap().status;
        let told = format!("call {nth} {:?}: {ran:?}, {status:?}", faulty.log().get(nth - 1));
        assert!(times.iter().all(|times| *times <= 1), "{told}");
        if status.phase == RestorePhase::Completed {
            assert_eq!(times, [1, 1, 1], "{told}");
            whole += 1;
        } else {
            assert!(report_of(&world, RestoreFile::Results, false).await.contains("SLV-2082"), "{told}");
            cut_off += 1;
        }
        if !faulty.struck() {
            assert!(whole > 10 && cut_off > 0, "{whole} whole, {cut_off} cut off");
            return;
        }
    }
}
