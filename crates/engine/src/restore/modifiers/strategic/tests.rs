//! Strategic patches as the API server merges them.

use super::*;
use serde_json::json;

fn check(mut document: Value, patch: Value, expect: Value) {
    let what = format!("{document} + {patch}");
    assert_eq!(merge(&mut document, &patch), Ok(None), "{what}");
    assert_eq!(document, expect, "{what}");
}

/// A deployment with this pod spec.
fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": spec}}})
}

fn check_pods(spec: Value, patch: Value, expect: Value) {
    check(deployment(spec), json!({"spec": {"template": {"spec": patch}}}), deployment(expect));
}

#[test]
fn members_of_lists_are_found_by_their_key() {
    check_pods(
        json!({"containers": [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}),
        json!({"containers": [{"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "2"}]}]}),
        json!({"containers": [
            {"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]}, {"name": "b"}]}),
    );
    check(
        json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80, "nodePort": 30080}, {"port": 443}]}}),
        json!({"spec": {"ports": [{"port": 80, "nodePort": null, "name": "http"}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80, "name": "http"}, {"port": 443}]}}),
    );
}

#[test]
fn new_members_come_before_the_others_and_known_ones_keep_their_place() {
    check_pods(
        json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
        json!({"containers": [{"name": "new"}, {"name": "c", "image": "i"}]}),
        json!({"containers": [{"name": "new"}, {"name": "a"}, {"name": "b"}, {"name": "c", "image": "i"}]}),
    );
}

#[test]
fn directives_delete_replace_retain_and_order() {
    check_pods(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"name": "a", "$patch": "delete"}, {"name": "gone", "$patch": "delete"}]}),
        json!({"containers": [{"name": "b"}]}),
    );
    check_pods(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"name": "c"}, {"$patch": "replace"}]}),
        json!({"containers": [{"name": "c"}]}),
    );
    check_pods(
        json!({"nodeSelector": {"a": "1"}, "securityContext": {"runAsUser": 1, "fsGroup": 2}}),
        json!({"nodeSelector": {"$patch": "replace", "b": "2"}, "securityContext": {"$patch": "delete"}}),
        json!({"nodeSelector": {"b": "2"}}),
    );
    check(
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {}}}}),
        json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"strategy": {"type": "Recreate"}}}),
    );
    check_pods(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}], "containers": [{"name": "c"}]}),
        json!({"containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}]}),
    );
    check(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"finalizers": ["a", "b"]}}),
        json!({"metadata": {"finalizers": ["b", "c"], "$deleteFromPrimitiveList/finalizers": ["a"]}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"finalizers": ["b", "c"]}}),
    );
}

#[test]
fn lists_without_a_key_are_replaced_and_that_is_told_of_kinds_nobody_knows() {
    check_pods(
        json!({"tolerations": [{"key": "a"}]}),
        json!({"tolerations": []}),
        json!({"tolerations": []}),
    );
    let mut widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "spec": {"parts": [{"name": "a"}], "size": 1}});
    let patch = json!({"spec": {"parts": [{"name": "b"}], "size": null}});
    assert_eq!(merge(&mut widget, &patch), Ok(Some("/spec/parts".to_owned())));
    assert_eq!(widget["spec"], json!({"parts": [{"name": "b"}]}));
    // Where nothing was there, nothing was lost.
    let mut empty = json!({"apiVersion": "example.com/v1", "kind": "Widget"});
    assert_eq!(merge(&mut empty, &patch), Ok(None));
}

#[test]
fn nonsense_is_an_error() {
    for (patch, reason) in [
        (json!({"spec": {"template": {"spec": {"containers": [{"image": "i"}]}}}}), "has no name"),
        (json!({"spec": {"$patch": "explode"}}), "and not replace, delete or merge"),
        (json!({"spec": {"$retainKeys": "type"}}), "is no list"),
        (json!({"spec": {"template": {"spec": {"containers": [{"$patch": "merge"}]}}}}), "not for lists"),
        (
            json!({"spec": {"template": {"spec": {"tolerations": [{"key": "a", "$patch": "delete"}]}}}}),
            "can only be replaced",
        ),
        (json!([]), "no object"),
    ] {
        let error = merge(&mut deployment(json!({})), &patch).unwrap_err();
        assert!(error.contains(reason), "{patch}: {error}");
    }
}

#[test]
fn every_workload_of_kubernetes_merges_containers() {
    for (api_version, kind, path) in [
        ("v1", "Pod", "/spec"),
        ("v1", "PodTemplate", "/template/spec"),
        ("v1", "ReplicationController", "/spec/template/spec"),
        ("apps/v1", "DaemonSet", "/spec/template/spec"),
        ("apps/v1", "StatefulSet", "/spec/template/spec"),
        ("apps/v1", "ReplicaSet", "/spec/template/spec"),
        ("batch/v1", "Job", "/spec/template/spec"),
        ("batch/v1", "CronJob", "/spec/jobTemplate/spec/template/spec"),
        ("apps.openshift.io/v1", "DeploymentConfig", "/spec/template/spec"),
    ] {
        let within = |spec: Value| {
            path.rsplit('/').filter(|step| !step.is_empty()).fold(spec, |of, step| json!({step: of}))
        };
        let mut document = within(json!({"initContainers": [{"name": "a", "image": "1"}]}));
        document["apiVersion"] = api_version.into();
        document["kind"] = kind.into();
        merge(&mut document, &within(json!({"initContainers": [{"name": "a", "tty": true}]}))).unwrap();
        let spec = document.pointer(path).unwrap();
        assert_eq!(spec, &json!({"initContainers": [{"name": "a", "image": "1", "tty": true}]}), "{kind}");
    }
}
