//! What becomes of documents.

use serde_json::json;

use super::*;
use crate::backup::fixture::{Cluster, backup};

fn check(yaml: &str) -> String {
    let cluster = Cluster::new(&format!("[{yaml}]"));
    let plan = cluster.plan(&backup("{}"));
    let stored = transform(cluster.documents[0].clone(), &plan.items[0], &plan).unwrap();
    serde_json::to_string(&stored).unwrap()
}

#[test]
fn documents_are_stored_as_they_are() {
    let yaml = "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: a, managedFields: [{manager: m}], finalizers: [f], \
        resourceVersion: '7', ownerReferences: [{kind: X}]}, data: {k: dg==}, unheardOf: {deep: [1, 2.50, null]}}";
    insta::assert_snapshot!(check(yaml), @r#"{"apiVersion":"v1","data":{"k":"dg=="},"kind":"Secret","metadata":{"finalizers":["f"],"managedFields":[{"manager":"m"}],"name":"s","namespace":"a","ownerReferences":[{"kind":"X"}],"resourceVersion":"7","uid":"uid-0"},"unheardOf":{"deep":[1,2.5,null]}}"#);
}

#[test]
fn leftovers_of_actions_are_taken_out() {
    let yaml = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: a, annotations: {\
        backup.velero.io/must-include-additional-items: 'true', backup.velero.io/skipped-no-csi-pv: 'true', keep: me}}}";
    insta::assert_snapshot!(check(yaml), @r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{"keep":"me"},"name":"c","namespace":"a","uid":"uid-0"}}"#);
}

#[test]
fn bound_claims_lose_what_keeps_them_from_binding() {
    let claim = |spec: &str| {
        format!(
            "{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: c, namespace: a, labels: {{velero.io/restore-name: r, \
             velero.io/backup-name: other, app: x}}}}, spec: {{{spec}}}, status: {{phase: Bound}}}}"
        )
    };
    insta::assert_snapshot!(check(&claim(
            "volumeName: v, dataSource: {kind: VolumeSnapshot}, dataSourceRef: {kind: VolumeSnapshot}, selector: {matchLabels: {a: b}}",
        )), @r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"labels":{"app":"x"},"name":"c","namespace":"a","uid":"uid-0"},"spec":{"volumeName":"v"},"status":{"phase":"Bound"}}"#);
    insta::assert_snapshot!(check(&claim("volumeName: v, storageClassName: '', selector: {matchLabels: {velero.io/x: y, a: b}}")), @r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"labels":{"app":"x"},"name":"c","namespace":"a","uid":"uid-0"},"spec":{"selector":{"matchLabels":{"a":"b"}},"storageClassName":"","volumeName":"v"},"status":{"phase":"Bound"}}"#);
    insta::assert_snapshot!(check(&claim("dataSource: {kind: VolumeSnapshot}")), @r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"labels":{"app":"x","velero.io/backup-name":"other","velero.io/restore-name":"r"},"name":"c","namespace":"a","uid":"uid-0"},"spec":{"dataSource":{"kind":"VolumeSnapshot"}},"status":{"phase":"Bound"}}"#);
}

#[test]
fn only_the_planned_object_is_stored() {
    let cluster = Cluster::new("[{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: a}}]");
    let plan = cluster.plan(&backup("{}"));
    let document = &cluster.documents[0];
    for (field, value) in [("name", "d"), ("namespace", "b"), ("uid", "another")] {
        let mut other = document.clone();
        other["metadata"][field] = json!(value);
        let problem = transform(other, &plan.items[0], &plan).unwrap_err();
        assert_eq!(problem.code, "SLV-1401", "{field}");
    }
    assert!(transform(json!([]), &plan.items[0], &plan).is_err());
}
