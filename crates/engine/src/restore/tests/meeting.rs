//! What is done about objects that are there already.

use super::*;
use crate::merge::tests::documents;
use crate::restore::existing::{Aim, Change, port_taken};
use crate::restore::{Existing, Outcome, RestorePlan, decide, transform};
use proptest::prelude::*;

fn decided(policy: &str, place: &str, stored: Value, in_cluster: Value) -> (Existing, RestorePlan, Value) {
    let (facts, whole) = archived(place, stored);
    let spec = json!({"existingResourcePolicy": policy});
    let plan = plan(&request(spec), &catalog(), &[facts], &Volumes::default(), &Target::default()).unwrap();
    let item = plan.items().next().unwrap();
    let desired = transform(whole, item, &plan).unwrap().document;
    let (_, in_cluster) = archived(place, in_cluster);
    let decision = decide(&in_cluster, &desired, item, &plan);
    let mut after = in_cluster;
    if let Existing::Patch(change) = &decision {
        json_patch::merge(&mut after, &change.patch);
    }
    (decision, plan, after)
}

fn check(policy: &str, place: &str, stored: Value, in_cluster: Value, expect: &str) {
    let (decision, ..) = decided(policy, place, stored, in_cluster);
    let kind = match &decision {
        Existing::Ours => "ours".to_owned(),
        Existing::Equal => "equal".to_owned(),
        Existing::Patch(change) => format!("{:?} {}", change.aim, change.patch),
        Existing::Recreate => "recreate".to_owned(),
        Existing::Leaving => "leaving".to_owned(),
        Existing::Differs(problem) => format!("differs: {}", problem.message),
    };
    assert_eq!(format!("{} {kind}", decision.outcome().word()), expect);
}

const LABELS: &str =
    r#"{"metadata":{"labels":{"velero.io/backup-name":"b1","velero.io/restore-name":"r1"}}}"#;

#[test]
fn policies_decide() {
    let map = |value: &str| json!({"data": {"a": value}});
    let at = "configmaps shop/a";
    let mut live = map("1");
    live["metadata"] =
        json!({"uid": "u", "resourceVersion": "5", "labels": {"velero.io/restore-name": "older"}});
    check("", at, map("1"), live.clone(), "skipped equal");
    check("none", at, map("1"), live.clone(), "skipped equal");
    check("update", at, map("1"), live.clone(), &format!("skipped LabelsOnly {LABELS}"));
    check(
        "none",
        at,
        map("2"),
        live.clone(),
        "failed differs: could not restore, ConfigMap \"shop/a\" already exists. Warning: the in-cluster version is \
         different than the backed-up version",
    );
    check(
        "update",
        at,
        map("2"),
        live.clone(),
        &format!("updated Update {{\"data\":{{\"a\":\"2\"}},{}", &LABELS[1..]),
    );
    live["metadata"]["annotations"] = json!({"salvor.io/operation-uid": "uid-r1"});
    check("none", at, map("1"), live.clone(), "skipped equal");
    live["metadata"]["labels"]["velero.io/restore-name"] = json!("r1");
    check("none", at, map("2"), live.clone(), "created ours");
    live["metadata"]["annotations"] = json!({"salvor.io/operation-uid": "uid-r0"});
    check("none", at, map("1"), live, "skipped equal");
}

#[test]
fn what_a_restore_resets_is_no_difference_and_is_not_patched_away() {
    let stored = json!({"spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30080}]}});
    let live = json!({"spec": {"clusterIP": "10.0.0.9", "ports": [{"port": 80, "nodePort": 31111}]}});
    check("none", "services shop/web", stored, live.clone(), "skipped equal");
    let stored =
        json!({"spec": {"clusterIP": "10.0.0.1", "sessionAffinity": "ClientIP", "ports": [{"port": 80}]}});
    let (_, _, after) = decided("update", "services shop/web", stored, live);
    assert_eq!(after["spec"]["clusterIP"], "10.0.0.9");
    assert_eq!(after["spec"]["sessionAffinity"], "ClientIP");
}

#[test]
fn what_the_deployment_controller_counts_is_its_own() {
    let web = |revision: &str, replicas: u32| {
        let annotations = json!({"deployment.kubernetes.io/revision": revision});
        json!({"metadata": {"annotations": annotations}, "spec": {"replicas": replicas}})
    };
    let at = "deployments.apps shop/web";
    check("none", at, web("1", 2), web("3", 2), "skipped equal");
    check("update", at, web("1", 2), web("3", 2), &format!("skipped LabelsOnly {LABELS}"));
    let (_, _, after) = decided("update", at, web("1", 2), web("3", 4));
    assert_eq!(after["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!(after["spec"]["replicas"], 2);
}

#[test]
fn an_update_takes_nothing_away_and_names_the_fields_of_others() {
    let applied = |manager: &str, operation: &str| {
        json!({"manager": manager, "operation": operation, "fieldsV1": {
            "f:spec": {".": {}, "f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {}}}}}}})
    };
    let stored =
        json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "c", "image": "a"}]}}}});
    let mut live = json!({"spec": {"replicas": 5, "paused": true,
        "template": {"spec": {"nodeName": "n", "containers": [{"name": "c", "image": "b"}]}}},
        "metadata": {"annotations": {"mine": "1"}, "managedFields": [applied("argocd", "Apply")]}});
    let (decision, _, after) = decided("update", "deployments.apps shop/web", stored.clone(), live.clone());
    let Existing::Patch(change) = decision else { panic!("{decision:?}") };
    let problem = change.problem.unwrap();
    assert_eq!(
        problem.message,
        "fields that others manage were set to what the backup has: spec.replicas of argocd, \
         spec.template.spec.containers of argocd"
    );
    assert_eq!((problem.code.as_str(), problem.severity), ("SLV-2030", Severity::Warning));
    assert_eq!((&after["spec"]["replicas"], &after["spec"]["paused"]), (&json!(2), &json!(true)));
    assert_eq!(after["spec"]["template"]["spec"]["nodeName"], "n");
    assert_eq!(
        after["spec"]["template"]["spec"]["containers"],
        stored["spec"]["template"]["spec"]["containers"]
    );
    assert_eq!(after["metadata"]["annotations"]["mine"], "1");
    // Whoever writes without applying lays no claim, and neither do we on what is ours.
    for entry in [applied("kubectl-edit", "Update"), applied("salvor", "Apply")] {
        live["metadata"]["managedFields"] = json!([entry]);
        let (decision, ..) = decided("update", "deployments.apps shop/web", stored.clone(), live.clone());
        assert!(matches!(decision, Existing::Patch(change) if change.problem.is_none()));
    }
}

#[test]
fn recreating_takes_what_differs_and_never_what_holds_something() {
    let map = |value: &str| json!({"data": {"a": value}});
    check("recreate", "configmaps shop/a", map("1"), map("1"), "skipped equal");
    check("recreate", "configmaps shop/a", map("1"), map("2"), "created recreate");
    let claim = |size: &str| json!({"spec": {"resources": {"requests": {"storage": size}}}});
    let at = "persistentvolumeclaims shop/data";
    check("recreate", at, claim("1Gi"), claim("1Gi"), "skipped equal");
    check(
        "recreate",
        at,
        claim("1Gi"),
        claim("2Gi"),
        "failed differs: PersistentVolumeClaim shop/data exists, is different, and is not recreated: with it would go \
         what it holds",
    );
    let (decision, ..) =
        decided("recreate", "serviceaccounts shop/web", json!({"secrets": [{"name": "a"}]}), json!({}));
    assert!(
        matches!(decision, Existing::Patch(Change { aim: Aim::MergeServiceAccount, .. })),
        "{decision:?}"
    );
}

#[test]
fn what_is_being_deleted_has_to_go_first_whatever_the_policy() {
    let leaving = json!({"metadata": {"deletionTimestamp": "t", "finalizers": ["f"]}});
    for policy in ["none", "update", "recreate"] {
        check(policy, "configmaps shop/a", json!({}), leaving.clone(), "created leaving");
    }
}

#[test]
fn accounts_are_merged_whatever_the_policy() {
    let stored = json!({"secrets": [{"name": "web-token-1"}, {"name": "a"}], "imagePullSecrets": [{"name": "pull"}],
        "metadata": {"labels": {"x": "new", "y": "1"}}});
    let live = json!({"secrets": [{"name": "web-token-9"}], "metadata": {"labels": {"x": "old"}}});
    let (decision, _, after) = decided("none", "serviceaccounts shop/web", stored.clone(), live);
    assert_eq!(decision.outcome(), Outcome::Updated);
    assert_eq!(after["secrets"], json!([{"name": "web-token-9"}, {"name": "a"}]));
    assert_eq!(after["imagePullSecrets"], json!([{"name": "pull"}]));
    assert_eq!(
        (&after["metadata"]["labels"]["x"], &after["metadata"]["labels"]["y"]),
        (&json!("old"), &json!("1"))
    );
    // One that has all of it and more is fine as it is.
    after["metadata"]["labels"].as_object().unwrap();
    let (decision, ..) = decided("none", "serviceaccounts shop/web", stored, after);
    assert_eq!(decision, Existing::Equal);
}

#[test]
fn refused_changes_lead_on() {
    let map = |value: &str| json!({"data": {"a": value}});
    let (decision, plan, _) = decided("update", "configmaps shop/a", map("1"), map("2"));
    let Existing::Patch(change) = decision else { panic!("{decision:?}") };
    let item = plan.items().next().unwrap();
    let refused = change.refused("it is immutable", item, &plan);
    assert_eq!(refused.problem.severity, Severity::Warning);
    assert_eq!(refused.problem.message, "failed to update ConfigMap shop/a: it is immutable");
    let instead = refused.instead.unwrap();
    assert_eq!(instead.aim, Aim::LabelsOnly);
    let last = instead.refused("no", item, &plan);
    assert_eq!((last.problem.severity, last.instead), (Severity::Error, None));
}

#[test]
fn taken_ports_are_recognised() {
    let status = |messages: &[&str]| {
        let causes: Vec<Value> = messages.iter().map(|message| json!({"message": message})).collect();
        json!({"details": {"causes": causes}})
    };
    let taken = "Invalid value: 30080: provided port is already allocated";
    assert!(port_taken(Some(&status(&[taken, taken]))));
    assert!(!port_taken(Some(&status(&[taken, "spec.type: Required value"]))));
    assert!(!port_taken(Some(&status(&[]))));
    assert!(!port_taken(None));
}

proptest! {
    #[test]
    fn an_update_brings_all_that_the_backup_has_and_is_done_then(stored in documents(), live in documents()) {
        let wrap = |of: Value| json!({"data": of});
        let (decision, _, after) = decided("update", "configmaps shop/a", wrap(stored.clone()), wrap(live));
        prop_assert!(matches!(decision, Existing::Patch(_)));
        prop_assert_eq!(crate::merge::additions(&after["data"], &stored), None);
        let (again, ..) = decided("update", "configmaps shop/a", wrap(stored), after);
        prop_assert!(matches!(&again, Existing::Patch(Change { aim: Aim::LabelsOnly, .. })), "{:?}", again);
    }
}
