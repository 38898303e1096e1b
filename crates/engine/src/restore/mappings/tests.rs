//! Mappings of classes, images and nodes: which documents they change, and how.

use api::meta::{GroupResource, ObjectKey};

use super::*;
use serde_json::json;

fn config_map(name: &str, key: &str, data: Value) -> Value {
    json!({"metadata": {"name": name, "labels": {CONFIG: "", key: "RestoreItemAction"}}, "data": data})
}

fn mapped(mappings: &Mappings, resource: &str, mut document: Value) -> Result<(Value, Vec<String>), String> {
    let resource: GroupResource = resource.parse().unwrap();
    let target = ObjectKey::new(resource.clone(), Some("shop"), "x");
    let subject = Subject { resource: &resource, namespace: Some("shop"), target: &target, backup: "b1" };
    let before = Before::of(&document);
    crate::document::remove_annotation(&mut document, "volume.kubernetes.io/selected-node");
    let told = |problem: &Problem| format!("{} {}", problem.code, problem.message);
    match mappings.apply(&mut document, &before, &subject) {
        Ok(problems) => Ok((document, problems.iter().map(told).collect())),
        Err(problem) => Err(told(&problem)),
    }
}

fn check(mappings: &Mappings, resource: &str, document: Value, expect: Value) {
    let stored: Mappings = serde_json::from_value(serde_json::to_value(mappings).unwrap()).unwrap();
    assert_eq!(&stored, mappings);
    assert_eq!(mapped(&stored, resource, document), Ok((expect, Vec::new())));
}

fn read(key: &str, data: Value) -> Mappings {
    let mut mappings = Mappings::read(&[config_map("m", key, data)]).unwrap();
    let names = |of: &[&str]| of.iter().map(|name| (*name).to_owned()).collect();
    mappings.complete(&Existing { storage_classes: names(&["fast", "slow"]), nodes: names(&["n2"]) });
    mappings
}

#[test]
fn storage_classes_of_claims_volumes_and_templates() {
    let mappings = read(storage_classes::LABEL, json!({"old": "fast", "gone": "nowhere"}));
    let (old, new) =
        (json!({"spec": {"storageClassName": "old"}}), json!({"spec": {"storageClassName": "fast"}}));
    check(&mappings, "persistentvolumeclaims", old.clone(), new.clone());
    check(&mappings, "persistentvolumes", old.clone(), new.clone());
    for same in [
        json!({"spec": {"storageClassName": "other"}}),
        json!({"spec": {"storageClassName": ""}}),
        json!({"spec": {}}),
    ] {
        check(&mappings, "persistentvolumeclaims", same.clone(), same);
    }
    let annotated = |class: &str| json!({"metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": class}}});
    check(&mappings, "persistentvolumeclaims", annotated("old"), annotated("fast"));
    let ephemeral =
        |claim: &Value| json!({"volumes": [{"emptyDir": {}}, {"ephemeral": {"volumeClaimTemplate": claim}}]});
    let set = |claim: &Value| json!({"spec": {"volumeClaimTemplates": [claim, {}], "template": {"spec": ephemeral(claim)}}});
    check(&mappings, "statefulsets.apps", set(&old), set(&new));
    check(&mappings, "pods", json!({"spec": ephemeral(&old)}), json!({"spec": ephemeral(&new)}));
    check(&mappings, "configmaps", old.clone(), old);
}

#[test]
fn a_class_that_there_is_not_is_an_error_of_the_object() {
    let mappings = read(storage_classes::LABEL, json!({"gone": "nowhere"}));
    let reason = "SLV-2055 the storage class nowhere that its own is mapped to is not in the cluster";
    let claim = json!({"spec": {"storageClassName": "gone"}});
    assert_eq!(mapped(&mappings, "persistentvolumeclaims", claim.clone()), Err(reason.to_owned()));
    let set = json!({"spec": {"volumeClaimTemplates": [claim]}});
    assert_eq!(mapped(&mappings, "statefulsets.apps", set), Err(reason.to_owned()));
}

#[test]
fn images_of_every_container_of_every_workload() {
    let mappings = read(images::LABEL, json!({"a": "old.io,new.io"}));
    let spec = |registry: &str| {
        let container = json!({"name": "c", "image": format!("{registry}/app:1")});
        json!({"containers": [container, {"image": "other.io/x"}], "initContainers": [container], "ephemeralContainers": [container]})
    };
    for (resource, path) in [
        ("pods", "spec"),
        ("podtemplates", "template/spec"),
        ("replicationcontrollers", "spec/template/spec"),
        ("deployments.apps", "spec/template/spec"),
        ("statefulsets.apps", "spec/template/spec"),
        ("daemonsets.apps", "spec/template/spec"),
        ("replicasets.apps", "spec/template/spec"),
        ("jobs.batch", "spec/template/spec"),
        ("cronjobs.batch", "spec/jobTemplate/spec/template/spec"),
        ("deploymentconfigs.apps.openshift.io", "spec/template/spec"),
    ] {
        let within = |spec: Value| path.rsplit('/').fold(spec, |of, step| json!({step: of}));
        check(&mappings, resource, within(spec("old.io")), within(spec("new.io")));
    }
    let part = json!({"spec": {"containers": [{"image": "my-old.io/app"}]}});
    let told = "SLV-2056 the image my-old.io/app was left as it is: rule a names old.io, which is only a piece of a part of it";
    assert_eq!(mapped(&mappings, "pods", part.clone()), Ok((part, vec![told.to_owned()])));
}

#[test]
fn the_nodes_of_claims() {
    let mappings = read(claim_nodes::LABEL, json!({"n1": "n2", "n3": "n4"}));
    let on = |node: &str| json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": node}}});
    check(&mappings, "persistentvolumeclaims", on("n1"), on("n2"));
    check(&mappings, "persistentvolumeclaims", on("n9"), json!({"metadata": {}}));
    let told = "SLV-2057 the node n4 that its own is mapped to is not in the cluster: it gets none";
    assert_eq!(
        mapped(&mappings, "persistentvolumeclaims", on("n3")),
        Ok((json!({"metadata": {}}), vec![told.to_owned()]))
    );
}

fn nodes(rules: &[&str], spec: Value, expect: Value) {
    let data: serde_json::Map<_, _> =
        (0..).zip(rules).map(|(at, rule)| (format!("{at:02}"), json!(rule))).collect();
    let mappings = read(node_labels::LABEL, Value::Object(data));
    let within = |spec: Value| json!({"spec": {"template": {"spec": spec}}});
    check(&mappings, "deployments.apps", within(spec), within(expect));
}

#[test]
fn node_selectors_follow_rules() {
    let selector = |of: Value| json!({"nodeSelector": of});
    nodes(
        &["zone=a,zone=b"],
        selector(json!({"zone": "a", "disk": "ssd"})),
        selector(json!({"zone": "b", "disk": "ssd"})),
    );
    nodes(&["zone=a,zone=b"], selector(json!({"zone": "c"})), selector(json!({"zone": "c"})));
    nodes(
        &["kubernetes.io/hostname=n1,pool=db"],
        selector(json!({"kubernetes.io/hostname": "n1"})),
        selector(json!({"pool": "db"})),
    );
    nodes(&["zone,"], selector(json!({"zone": "a", "disk": "ssd"})), selector(json!({"disk": "ssd"})));
    nodes(&["zone,"], selector(json!({"zone": "a"})), json!({}));
    nodes(&["role=infra,role="], selector(json!({"role": "infra"})), selector(json!({"role": ""})));
    nodes(
        &["zone=a,zone=b", "zone=b,zone=c"],
        selector(json!({"zone": "a"})),
        selector(json!({"zone": "b"})),
    );
    nodes(&["zone=a,zone=b"], json!({"affinity": {}}), json!({"affinity": {}}));
}

fn required(terms: Value) -> Value {
    json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}})
}

fn asks(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({"key": key, "operator": operator, "values": values})
}

#[test]
fn node_affinity_follows_rules() {
    let term = |asks: Value| json!({"matchExpressions": [asks]});
    nodes(
        &["zone=a,zone=b"],
        required(json!([term(asks("zone", "In", &["a", "c"])), term(asks("zone", "NotIn", &["a"]))])),
        required(json!([term(asks("zone", "In", &["b", "c"])), term(asks("zone", "NotIn", &["b"]))])),
    );
    nodes(
        &["zone=a,region=r"],
        required(json!([term(asks("zone", "In", &["a"]))])),
        required(json!([term(asks("region", "In", &["r"]))])),
    );
    nodes(
        &["zone,region=r"],
        required(json!([term(json!({"key": "zone", "operator": "Exists"}))])),
        required(json!([term(asks("region", "In", &["r"]))])),
    );
    nodes(
        &["zone=a,"],
        required(json!([term(asks("zone", "In", &["a", "c"]))])),
        required(json!([term(asks("zone", "In", &["c"]))])),
    );
    let field = |node: &str| json!([{"matchFields": [asks("metadata.name", "In", &[node])]}]);
    nodes(&["metadata.name=n1,metadata.name=n2"], required(field("n1")), required(field("n2")));
}

#[test]
fn an_alternative_that_asks_for_nothing_makes_the_others_needless() {
    let zone = asks("zone", "In", &["a"]);
    let disk = asks("disk", "In", &["ssd"]);
    nodes(
        &["zone,"],
        required(json!([{"matchExpressions": [zone]}, {"matchExpressions": [disk]}])),
        json!({}),
    );
    nodes(
        &["zone,"],
        required(json!([{"matchExpressions": [zone, disk]}])),
        required(json!([{"matchExpressions": [disk]}])),
    );
    let preferred = |of: Value| json!({"affinity": {"podAffinity": {}, "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": of}}});
    nodes(
        &["zone,"],
        preferred(
            json!([{"weight": 1, "preference": {"matchExpressions": [zone]}}, {"weight": 2, "preference": {"matchExpressions": [disk]}}]),
        ),
        preferred(json!([{"weight": 2, "preference": {"matchExpressions": [disk]}}])),
    );
    nodes(
        &["zone,"],
        preferred(json!([{"weight": 1, "preference": {"matchExpressions": [zone]}}])),
        json!({"affinity": {"podAffinity": {}}}),
    );
}

#[test]
fn a_rule_that_does_not_fit_a_requirement_is_told() {
    let mappings = read(node_labels::LABEL, json!({"a": "zone=a,region=r"}));
    let spec = json!({"spec": required(json!([{"matchExpressions": [asks("zone", "In", &["a", "b"])]}]))});
    let told =
        "SLV-2058 its node affinity was left as it is: a rule on zone does not fit a requirement of it";
    assert_eq!(mapped(&mappings, "pods", spec.clone()), Ok((spec, vec![told.to_owned()])));
}

#[test]
fn what_cannot_be_read_is_said_with_its_config_map() {
    let of = |config_maps: &[Value]| Mappings::read(config_maps).unwrap_err();
    let classes = |name: &str, data: Value| config_map(name, storage_classes::LABEL, data);
    assert_eq!(
        of(&[classes("a", json!({})), classes("b", json!({}))]),
        ["more than one ConfigMap has the label velero.io/change-storage-class: a, b"]
    );
    assert_eq!(
        of(&[classes("a", json!({"x": " "}))]),
        ["the ConfigMap \"a\" with the label velero.io/change-storage-class: x is mapped to nothing"]
    );
    for (key, value) in [
        (images::LABEL, "nginx"),
        (claim_nodes::LABEL, ""),
        (node_labels::LABEL, "zone=a"),
        (node_labels::LABEL, "zone=a,zone"),
        (node_labels::LABEL, ",zone=a"),
    ] {
        assert_eq!(of(&[config_map("a", key, json!({"x": value}))]).len(), 1, "{key} {value}");
    }
    // Labels of other plugins, and other uses of this one, are not ours.
    let other = json!({"metadata": {"name": "o", "labels": {CONFIG: "", storage_classes::LABEL: "BackupItemAction"}}});
    assert!(
        Mappings::read(&[other, config_map("p", "velero.io/pod-volume-restore", json!({}))])
            .unwrap()
            .is_empty()
    );
}
