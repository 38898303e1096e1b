//! Fields that nothing acts on are reported, all of them and no others.

use std::collections::BTreeSet;

use api::oadp::DataProtectionApplication;
use serde_json::{Value, json};

use super::{settings, with};
use crate::config::NOT_ACTING;
use crate::oadp::dpa::dereference::Found;
use crate::oadp::dpa::validate;

/// Flags that change nothing yet, the fields that become them, and a value.
const FIELDS: [(&str, &str, &str); 14] = [
    ("default-repo-maintain-frequency", "configuration.velero.args.default-repo-maintain-frequency", "1"),
    ("default-snapshot-move-data", "configuration.velero.defaultSnapshotMoveData", "true"),
    ("default-volumes-to-fs-backup", "configuration.velero.defaultVolumesToFSBackup", "true"),
    ("default-volumes-to-fs-backup", "configuration.velero.args.default-volumes-to-fs-backup", "true"),
    ("disable-informer-cache", "configuration.velero.disableInformerCache", "true"),
    ("features", "configuration.velero.featureFlags: EnableCSI", ""),
    ("features", "configuration.velero.restoreResourcesVersionPriority", "\"a=v1\""),
    ("features", "configuration.velero.defaultPlugins: csi", ""),
    ("fs-backup-timeout", "configuration.nodeAgent.timeout", "\"1h\""),
    ("fs-backup-timeout", "configuration.velero.args.fs-backup-timeout", "1"),
    ("item-operation-sync-frequency", "configuration.velero.itemOperationSyncFrequency", "\"1m\""),
    ("item-operation-sync-frequency", "configuration.velero.args.item-operation-sync-frequency", "1"),
    ("profiler-address", "configuration.velero.args.profiler-address", "\":6060\""),
    ("v", "configuration.velero.args.v", "4"),
];

/// Flags that no field becomes.
const NO_FIELD: [&str; 6] = [
    "backup-repository-configmap",
    "default-volume-snapshot-locations",
    "plugin-dir",
    "repo-maintenance-job-configmap",
    "schedule-skip-immediately",
    "volume-group-snapshot-label-key",
];

/// What a field's path and value come to: `a.b` is a field, `a.b: c` an entry of a list.
fn patch(path: &str, value: &str) -> Value {
    let (path, value) = match path.split_once(": ") {
        Some((path, entry)) => (path, json!([entry])),
        None => (path, serde_json::from_str(value).unwrap()),
    };
    path.rsplit('.').fold(value, |inner, name| json!({name: inner}))
}

fn pending(found: &Found) -> Vec<String> {
    validate(found, &settings()).unwrap().pending
}

#[test]
fn every_flag_that_changes_nothing_is_reported_by_its_field() {
    let covered: BTreeSet<_> = FIELDS.iter().map(|(flag, ..)| *flag).chain(NO_FIELD).collect();
    assert_eq!(covered, NOT_ACTING.into_iter().collect());
    for (flag, path, value) in FIELDS {
        let reported = pending(&with(patch(path, value)));
        assert!(reported.contains(&path.to_owned()), "{flag}: {reported:?} does not name {path}");
    }
}

#[test]
fn every_argument_of_an_application_is_passed_on_or_reported() {
    let definition = api::crd::definition::<DataProtectionApplication>();
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/configuration/properties\
                  /velero/properties/args/properties";
    let arguments = definition.pointer(schema).and_then(Value::as_object).unwrap();
    assert!(arguments.len() > 30, "{arguments:?}");
    for (name, schema) in arguments {
        let value = match schema["type"].as_str().unwrap() {
            "boolean" => json!(true),
            "integer" => json!(1),
            "array" => json!([schema["items"]["enum"][0]]),
            _ if schema["enum"].is_array() => schema["enum"][0].clone(),
            _ => json!("1"),
        };
        let valid = validate(
            &with(patch(&format!("configuration.velero.args.{name}"), &value.to_string())),
            &settings(),
        );
        let valid = valid.unwrap();
        let flag = format!("--{}=", name.replace("disabled-controllers", "disable-controllers"));
        let is_passed = valid.server.args.iter().any(|argument| argument.starts_with(&flag));
        let is_reported = valid.pending.contains(&format!("configuration.velero.args.{name}"));
        let changes_nothing = NOT_ACTING.contains(&flag.trim_matches(['-', '=']));
        assert_eq!(is_reported, changes_nothing || !is_passed, "{name}: {:?}", valid.server.args);
    }
}

#[test]
fn fields_without_effect_are_named() {
    let fields = json!({
        "backupImages": true,
        "nonAdmin": {"enable": true},
        "unsupportedOverrides": {"awsPluginImageFqin": "x"},
        "configuration": {
            "nodeAgent": {"uploaderType": "kopia", "timeout": "1h"},
            "repositoryMaintenance": {"global": {}},
            "velero": {
                "defaultPlugins": ["aws", "kubevirt"],
                "featureFlags": ["EnableAPIGroupVersions", "EnableCSI"],
                "defaultVolumesToFSBackup": true,
                "disableInformerCache": true,
                "itemBlockWorkerCount": 2,
                "itemOperationSyncFrequency": "10s",
                "defaultItemOperationTimeout": "2h",
                "args": {"v": 4, "profiler-address": ":6060", "default-item-operation-timeout": 1},
            },
        },
    });
    let mut found = with(fields);
    let annotation = "oadp.openshift.io/unsupported-velero-server-args";
    found.application.metadata.annotations = Some([(annotation.to_owned(), "mine".to_owned())].into());
    assert_eq!(
        pending(&found),
        [
            "metadata.annotations[oadp.openshift.io/unsupported-velero-server-args]",
            "backupImages",
            "configuration.nodeAgent",
            "configuration.repositoryMaintenance",
            "nonAdmin",
            "unsupportedOverrides.awsPluginImageFqin",
            "configuration.nodeAgent.timeout",
            "configuration.velero.defaultVolumesToFSBackup",
            "configuration.velero.disableInformerCache",
            "configuration.velero.itemOperationSyncFrequency",
            "configuration.velero.args.profiler-address",
            "configuration.velero.featureFlags: EnableCSI",
            "configuration.velero.defaultPlugins: kubevirt",
            "configuration.velero.args.v",
        ]
    );
}

#[test]
fn what_is_off_or_has_an_effect_is_not_reported() {
    let velero = json!({
        "defaultPlugins": ["aws", "openshift"],
        "featureFlags": ["no-secret", "EnableAPIGroupVersions"],
        "defaultVolumesToFSBackup": false,
        "disableInformerCache": false,
        "defaultItemOperationTimeout": "2h",
        "resourceTimeout": "5m",
        "logLevel": "debug",
        "args": {"default-backup-ttl": 1, "disabled-controllers": ["gc"]},
    });
    assert_eq!(pending(&with(json!({"configuration": {"velero": velero}}))), Vec::<String>::new());
}
