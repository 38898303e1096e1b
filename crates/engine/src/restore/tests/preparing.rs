//! What is wrong with a Restore, and what is made of it.

use api::GoDuration;
use api::velero::v1::{Backup, BackupStorageLocation, Restore, RestorePhase};

use super::*;
use crate::restore::Prepared;
use crate::restore::prepare::{Defaults, Observed, prepare};

fn backup(name: &str, phase: &str, started: &str) -> Backup {
    serde_json::from_value(
        json!({"metadata": {"name": name, "labels": {"velero.io/schedule-name": "nightly"}},
        "spec": {"storageLocation": if name == "lost" { "gone" } else { "default" }},
        "status": {"phase": phase, "startTimestamp": started}}),
    )
    .unwrap()
}

fn prepared(spec: Value, location: &str) -> Prepared {
    prepared_with(json!({}), spec, location)
}

fn prepared_with(annotations: Value, spec: Value, location: &str) -> Prepared {
    let restore = json!({"metadata": {"name": "r1", "annotations": annotations}, "spec": spec});
    let restore: Restore = serde_json::from_value(restore).unwrap();
    let locations: Vec<BackupStorageLocation> = vec![
        serde_json::from_value(json!({"metadata": {"name": "default"}, "status": {"phase": location}}))
            .unwrap(),
    ];
    let backups = [
        backup("b1", "Completed", "2026-01-01T00:00:00Z"),
        backup("b2", "Completed", "2026-01-02T00:00:00Z"),
        backup("b3", "PartiallyFailed", "2026-01-03T00:00:00Z"),
        backup("b4", "InProgress", "2026-01-04T00:00:00Z"),
        backup("lost", "Completed", "2025-01-04T00:00:00Z"),
    ];
    let observed = Observed {
        backups: &backups,
        locations: &locations,
        catalog: &catalog(),
        config_maps: &[],
        now: "2026-02-01T00:00:00Z".parse().unwrap(),
    };
    prepare(&restore, &observed, &Defaults { item_operation_timeout: GoDuration::from_hours(4) })
}

fn check(spec: Value, expect: &[&str]) {
    let prepared = prepared(spec.clone(), "Available");
    assert_eq!(prepared.validation_errors, expect, "{spec}");
    assert_eq!(prepared.status.validation_errors, expect);
    let phase = if expect.is_empty() { RestorePhase::InProgress } else { RestorePhase::FailedValidation };
    assert_eq!(
        (prepared.status.phase, prepared.status.start_timestamp.is_some()),
        (phase, expect.is_empty())
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let with = |more: Value| {
        let mut spec = json!({"backupName": "b1"});
        json_patch::merge(&mut spec, &more);
        spec
    };
    check(with(json!({})), &[]);
    check(json!({}), &["either backupName or scheduleName must be given"]);
    check(with(json!({"scheduleName": "s"})), &["backupName and scheduleName cannot be given together"]);
    check(json!({"backupName": "b9"}), &["backup \"b9\" does not exist"]);
    check(
        json!({"backupName": "b4"}),
        &[
            "backup \"b4\" cannot be restored: its phase is InProgress; the annotation salvor.io/force: \"true\" tries it all the same",
        ],
    );
    check(json!({"backupName": "lost"}), &["the backup's location \"gone\" does not exist"]);
    check(json!({"scheduleName": "weekly"}), &["schedule \"weekly\" has no completed backup"]);
    check(with(json!({"includedResources": ["node"]})), &["nodes cannot be restored"]);
    check(
        with(json!({"includedResources": ["*", "pods"]})),
        &["invalid resource filters: '*' must be the only entry of the includes"],
    );
    check(
        with(json!({"includedNamespaces": ["a"], "excludedNamespaces": ["a"]})),
        &["invalid namespace filters: \"a\" is both included and excluded"],
    );
    check(
        with(
            json!({"labelSelector": {"matchLabels": {"a": "b"}}, "orLabelSelectors": [{"matchLabels": {"a": "b"}}]}),
        ),
        &["labelSelector and orLabelSelectors cannot be used together"],
    );
    check(
        with(json!({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}})),
        &["failed to use the label selector: \"Like\" is not a label selector operator"],
    );
    check(
        with(json!({"existingResourcePolicy": "replace"})),
        &["existingResourcePolicy \"replace\" is none of none, update and recreate"],
    );
    check(with(json!({"existingResourcePolicy": "recreate"})), &[]);
    check(
        with(json!({"namespaceMapping": {"a": "B"}})),
        &["namespaceMapping sends \"a\" to \"B\", which cannot name a namespace"],
    );
    check(
        with(json!({"resourceModifier": {"kind": "Secret", "name": "m"}})),
        &["resourceModifier \"m\" is of the kind \"Secret\": only a ConfigMap can be used"],
    );
    check(
        with(json!({"resourcePolicy": {"kind": "Secret", "name": "p"}})),
        &["resourcePolicy \"p\" is of the kind \"Secret\": only a ConfigMap can be used"],
    );
    check(
        with(json!({"hooks": {"resources": [{"name": "h", "postHooks": [{"init": {"initContainers": [
            {"name": "c", "image": "i", "command": ["x"]}, {"name": "c", "image": "i", "command": []}]}}]}]}})),
        &["hook \"h\" has an init container without command"],
    );
    let unavailable = prepared(json!({"backupName": "b1"}), "Unavailable");
    assert_eq!(unavailable.validation_errors, ["the backup's location \"default\" is not available"]);
}

#[test]
fn specs_are_completed() {
    let prepared = prepared(json!({"scheduleName": "nightly", "excludedResources": ["nodes"]}), "Available");
    assert_eq!(prepared.spec.backup_name, "b2");
    assert_eq!(prepared.spec.schedule_name, "nightly");
    assert_eq!(prepared.spec.item_operation_timeout, GoDuration::from_hours(4));
    let named = super::preparing::prepared(json!({"backupName": "b1"}), "Available").spec;
    assert_eq!(named.schedule_name, "nightly", "the schedule of a named backup is filled in");
    let excluded = &prepared.spec.excluded_resources;
    assert!(excluded.contains(&"events.events.k8s.io".to_owned()));
    assert_eq!(excluded.iter().filter(|entry| *entry == "nodes").count(), 1);
}

#[test]
fn a_backup_that_did_not_end_well_is_restored_by_force() {
    for (force, errors) in [("true", 0), ("True ", 0), ("false", 1), ("", 1)] {
        let spec = json!({"backupName": "b4"});
        let prepared = prepared_with(json!({"salvor.io/force": force}), spec, "Available");
        assert_eq!(prepared.validation_errors.len(), errors, "{force:?}");
    }
}

/// What becomes of the fields of a Restore's spec.
const FIELDS: &[(&str, &str)] = &[
    ("backupName", "the backup"),
    ("excludedNamespaces", "filter"),
    ("excludedResources", "filter"),
    ("existingResourcePolicy", "policy"),
    ("hooks", "hooks"),
    ("includeClusterResources", "filter"),
    ("includedNamespaces", "filter"),
    ("includedResources", "filter"),
    ("itemOperationTimeout", "deadline of hooks"),
    ("labelSelector", "filter"),
    ("namespaceMapping", "mapping"),
    ("orLabelSelectors", "filter"),
    ("preserveNodePorts", "action on services"),
    ("resourceModifier", "adjustments"),
    ("resourcePolicy", "filter"),
    ("restorePVs", "volumes"),
    ("restoreStatus", "status"),
    ("scheduleName", "the backup"),
    ("skipDefaultResourceModifier", "adjustments"),
    ("uploaderConfig", "kept for the data of volumes, which says itself that it is not restored"),
];

#[test]
fn every_field_of_a_spec_is_accounted_for() {
    let definition = api::crd::definition::<Restore>();
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let fields = definition.pointer(spec).and_then(Value::as_object).unwrap();
    let mut fields: Vec<&str> = fields.keys().map(String::as_str).collect();
    fields.sort_unstable();
    let accounted: Vec<&str> = FIELDS.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, accounted);
}
