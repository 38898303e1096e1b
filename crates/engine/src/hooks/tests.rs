//! What hooks a plan has, and what becomes of them when commands fail and servers die.

mod dying;

use serde_json::json;

use super::backup::BackupHook;
use super::*;
use crate::backup::BackupPlan;
use crate::backup::fixture::{Cluster, backup};
use crate::journal::Action;
use crate::problem::Severity;

/// A pod with annotations, one that the spec is for, one that has ended, and one with a claim that it shares.
const SHOP: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: a, annotations: {
     pre.hook.backup.velero.io/command: freeze, pre.hook.backup.velero.io/container: side,
     post.hook.backup.velero.io/command: thaw, post.hook.backup.velero.io/timeout: 1m}},
   spec: {nodeName: n1, containers: [{name: main}, {name: side}], volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]},
   status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: b, labels: {app: db}},
   spec: {nodeName: n1, containers: [{name: main}], volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]},
   status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: done, labels: {app: db}},
   spec: {containers: [{name: main}]}, status: {phase: Succeeded}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: shop, name: c}, spec: {volumeName: pv}, status: {phase: Bound}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: pv}, spec: {csi: {driver: d}, claimRef: {namespace: shop, name: c}}}
";

/// A spec that is for every pod but by its second entry.
const SPEC: &str = "{includedNamespaces: [shop], snapshotVolumes: false, hooks: {resources: [
  {name: all, includedResources: [pod], pre: [{exec: {command: [sync], onError: Continue}}]},
  {name: db, labelSelector: {matchLabels: {app: db}}, pre: [{exec: {command: [lock], container: none, timeout: 3s}}],
   post: [{exec: {command: [unlock]}}]}]}}";

fn planned(spec: &str) -> BackupPlan {
    Cluster::new(SHOP).plan(&backup(spec))
}

fn rendered(plan: &BackupPlan) -> Vec<String> {
    let line = |BackupHook { block, exec }: &BackupHook| {
        let Exec { kind, pod, container, command, timeout, on_error, source, unfit, .. } = exec;
        let unfit = unfit.map(|unfit| format!(" {unfit:?}")).unwrap_or_default();
        let command = command.join(" ");
        format!("{block} {kind:?} {pod}/{container} {command} {timeout} {on_error:?} {source:?}{unfit}")
    };
    plan.hooks.iter().map(line).collect()
}

#[test]
fn annotations_win_and_pods_of_one_block_are_brought_to_rest_together() {
    let plan = planned(SPEC);
    let expected = [
        r#"0 Pre a/side freeze 30s Fail Annotation"#,
        r#"0 Pre b/main sync 30s Continue Spec("all")"#,
        r#"0 Pre b/none lock 3s Fail Spec("db") NoContainer"#,
        r#"0 Post a/main thaw 1m0s Fail Annotation"#,
        r#"0 Post b/main unlock 30s Fail Spec("db")"#,
        r#"1 Pre done/main sync 30s Continue Spec("all") Ended"#,
        r#"1 Pre done/none lock 3s Fail Spec("db") Ended"#,
        r#"1 Post done/main unlock 30s Fail Spec("db") Ended"#,
    ];
    assert_eq!(rendered(&plan), expected);
    let problems: Vec<_> =
        plan.problems.iter().map(|of| (of.code.as_str(), of.severity, of.message.as_str())).collect();
    let cannot =
        "the pre hook of pod shop/b, container none, cannot run: the pod has no such container; it has: main";
    assert_eq!(problems, [("SLV-1151", Severity::Error, cannot)]);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<BackupPlan>(&text).unwrap().hooks, plan.hooks);
}

#[test]
fn every_hook_is_in_one_block_and_blocks_are_in_order() {
    assert_eq!(backup::blocks(&planned(SPEC).hooks), [0..5, 5..8]);
    assert_eq!(backup::blocks(&[]), Vec::<std::ops::Range<u32>>::new());
}

#[test]
fn pods_with_hooks_in_one_order_share_a_block() {
    let spec = SPEC
        .replace("includedNamespaces", "orderedResources: {pods: 'shop/done,shop/a'}, includedNamespaces");
    let blocks: Vec<_> = planned(&spec).hooks.iter().map(|hook| hook.block).collect();
    assert_eq!(blocks, [0; 8]);
}

/// Runs through the hooks of a backup, where these commands fail; what ran, and how each hook ended.
fn run(plan: &BackupPlan, failing: &[&str]) -> (Vec<String>, Vec<End>, Steps) {
    let (mut ran, mut steps) = (Vec::new(), Steps::default());
    for (number, hook) in (0..).zip(&plan.hooks) {
        match backup::next(&plan.hooks, number, &steps) {
            backup::Next::Nothing => panic!("hook {number} is settled twice"),
            backup::Next::Settle(outcome) => steps.end(number, outcome),
            backup::Next::Run => {
                steps.begin(number);
                ran.push(hook.exec.command.join(" "));
                let fails = failing.contains(&hook.exec.command[0].as_str());
                steps.end(number, backup::ended(hook, 1, &ended(if fails { 1 } else { 0 })));
            }
        }
    }
    let ends = steps.outcomes().map(|(_, outcome)| outcome.end).collect();
    (ran, ends, steps)
}

pub(super) fn ended(code: i32) -> Run {
    Run {
        ended: Ended::Exited(code),
        took: std::time::Duration::from_millis(1500),
        stdout: b"out\n".to_vec(),
        stderr: b"first\nit is broken\n".to_vec(),
        truncated: false,
    }
}

#[test]
fn what_failed_before_the_backup_is_released_after_it() {
    use End::{Failed, NotNeeded, Succeeded};
    let plan = planned(SPEC);
    let rest = [Succeeded, Succeeded, NotNeeded, NotNeeded, NotNeeded];
    let (ran, ends, steps) = run(&plan, &[]);
    assert_eq!(ran, ["freeze", "sync", "thaw", "unlock"]);
    assert_eq!(ends, [&[Succeeded, Succeeded, Failed][..], &rest].concat());
    assert_eq!(steps.counts(), Counts { attempted: 5, failed: 1 });

    let (ran, ends, steps) = run(&plan, &["freeze", "sync"]);
    assert_eq!(ran, ["freeze", "sync", "thaw", "unlock"]);
    assert_eq!(ends, [&[Failed, Failed, Failed][..], &rest].concat());
    let problem = steps.problems().next().unwrap();
    assert_eq!(
        problem.sentence(),
        "the pre hook of pod shop/a, container side, ended with exit code 1: it is broken (SLV-1150)"
    );
    assert_eq!(problem.object.as_ref().unwrap().full_name(), "shop/a");
}

#[test]
fn after_a_failure_that_counts_the_pods_other_pre_hooks_are_not_run() {
    let spec = "{includedNamespaces: [shop], snapshotVolumes: false, hooks: {resources: [
        {name: h, labelSelector: {matchLabels: {app: db}}, pre: [{exec: {command: [one]}}, {exec: {command: [two]}}],
         post: [{exec: {command: [three]}}, {exec: {command: [four]}}]}]}}";
    let plan = planned(spec);
    let (ran, _, steps) = run(&plan, &["one", "three"]);
    assert_eq!(ran, ["freeze", "one", "thaw", "three", "four"]);
    assert_eq!(steps.counts(), Counts { attempted: 6, failed: 3 });
    let (ran, ..) = run(&planned(&spec.replace("[one]", "[one], onError: Continue")), &["one"]);
    assert_eq!(ran, ["freeze", "one", "two", "thaw", "three", "four"]);
}

#[test]
fn a_pod_whose_pre_hook_cannot_run_needs_no_release() {
    let spec = "{includedNamespaces: [shop], snapshotVolumes: false, hooks: {resources: [
        {name: h, labelSelector: {matchLabels: {app: db}}, pre: [{exec: {command: [one], container: none}}],
         post: [{exec: {command: [two]}}]}]}}";
    let (ran, ..) = run(&planned(spec), &[]);
    assert_eq!(ran, ["freeze", "thaw"]);
}

#[test]
fn the_log_has_what_a_command_wrote_and_not_the_command() {
    let plan = planned(SPEC);
    let mut run = ended(3);
    run.stdout = vec![b'x'; 3000];
    let outcome = Outcome::ran(&plan.hooks[0].exec, &run);
    let now = "2026-05-20T10:00:00Z".parse().unwrap();
    let lines = |outcome: &Outcome, said: Option<&Said>| {
        let lines = lines(&plan.hooks[0].exec, outcome, said, now);
        assert_eq!(lines.len(), 1, "what went wrong is told once");
        lines[0].to_string()
    };
    let whole = lines(&outcome, Some(&Said::whole(&run)));
    for part in [
        "level=error msg=\"the pre hook of pod shop/a, container side, ended with exit code 3: it is broken\"",
        "code=SLV-1150",
        "remedy=\"",
        "container=side",
        "exitCode=3",
        "hookSource=annotation",
        "pod=a",
        "seconds=1.500",
        r"first\nit is broken\n",
        &"x".repeat(3000),
    ] {
        assert!(whole.contains(part), "{part} is not in {whole}");
    }
    assert!(!whole.contains("freeze") && !whole.contains("truncated"), "{whole}");
    let kept = serde_json::to_string(&outcome).unwrap();
    let kept: Outcome = serde_json::from_str(&kept).unwrap();
    let short = lines(&kept, None);
    assert!(short.len() < 2000 && short.contains("truncated=true"), "{short}");
}

#[test]
fn a_container_is_waited_for_and_a_pod_that_ends_is_not() {
    let hook = dying::restore_hooks(&[(0, false)]).remove(0);
    let ready = restore::RestoreHook { wait_for_ready: true, ..hook.clone() };
    let pod = |status: serde_json::Value| {
        restore::Seen::of(&json!({"metadata": {"uid": "u"}, "status": status}), "u")
    };
    let container = |ready: bool| json!([{"name": "main", "ready": ready, "state": {"running": {}}}]);
    let is_never =
        |look: restore::Look| matches!(look, restore::Look::Never(outcome) if outcome.end == End::Failed);
    let starting =
        pod(json!({"phase": "Pending", "containerStatuses": [{"name": "main", "state": {"waiting": {}}}]}));
    assert_eq!(restore::look(&hook, &starting), restore::Look::NotYet);
    let running = pod(json!({"phase": "Running", "containerStatuses": container(false)}));
    assert_eq!(restore::look(&hook, &running), restore::Look::Now);
    assert_eq!(restore::look(&ready, &running), restore::Look::NotYet);
    let is_ready = pod(json!({"phase": "Running", "containerStatuses": container(true)}));
    assert_eq!(restore::look(&ready, &is_ready), restore::Look::Now);
    assert!(is_never(restore::look(&hook, &pod(json!({"phase": "Failed"})))));
    let leaving = restore::Seen::of(&json!({"metadata": {"deletionTimestamp": "2026-05-20T10:00:00Z"}}), "");
    assert_eq!(restore::Seen::of(&json!({"metadata": {"uid": "another"}}), "u"), restore::Seen::Gone);
    assert!(is_never(restore::look(&hook, &leaving)));
    assert_eq!(restore::too_late(&hook).problems[0].code, "SLV-2084");
}

#[test]
fn a_pod_that_was_there_already_gets_no_hooks() {
    let hooks = dying::restore_hooks(&[(0, false)]);
    for (action, settled) in [(Action::Created, false), (Action::Skipped, true), (Action::Failed, true)] {
        let next = restore::next(&hooks, 0, action, &Steps::default());
        let not_needed = restore::Next::Settle(Outcome::of(End::NotNeeded));
        assert_eq!(next == not_needed, settled, "{action:?}");
    }
}

#[test]
fn hooks_are_grouped_by_their_containers_and_a_failure_stops_those_of_the_pod() {
    let mut hooks = dying::restore_hooks(&[(0, true), (0, false), (0, false), (0, false), (1, false)]);
    for (hook, container) in hooks.iter_mut().zip(["main", "side", "main", "side", "main"]) {
        hook.exec.container = container.to_owned();
    }
    assert_eq!(restore::by_container(&hooks, 0..4), [vec![0, 2], vec![1, 3]]);
    assert_eq!(restore::by_container(&hooks, 4..5), [vec![4]]);
    // One of the second container has failed before the first one came up.
    let mut steps = Steps::default();
    steps.end(1, Outcome::of(End::Failed));
    let not_run = restore::Next::Settle(Outcome::of(End::NotRun));
    let next = |number, steps: &Steps| restore::next(&hooks, number, Action::Created, steps);
    assert_eq!((next(0, &steps), next(3, &steps)), (not_run.clone(), not_run));
    assert_eq!(next(4, &steps), restore::Next::Await);
    // One that lets the others run, also if nobody knows how it ended.
    for end in [End::Failed, End::CutOff] {
        let mut steps = Steps::default();
        steps.end(0, Outcome::of(end));
        assert_eq!(next(1, &steps), restore::Next::Await);
    }
}
