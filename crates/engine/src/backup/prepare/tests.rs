//! What becomes of Backups before they run.

use api::velero::v1::BackupStorageLocation;

use super::*;
use crate::backup::fixture::{backup, catalog, config_map, policy};
use crate::backup::observed::Version;
use crate::policy::{Source, Sources};

fn now() -> Timestamp {
    "2026-05-20T10:00:00.5Z".parse().unwrap()
}

fn location(name: &str, change: impl FnOnce(&mut BackupStorageLocation)) -> BackupStorageLocation {
    let mut location = BackupStorageLocation::new("velero", name);
    location.status.phase = Some(LocationPhase::Available);
    change(&mut location);
    location
}

fn snapshot_location(name: &str, provider: &str) -> VolumeSnapshotLocation {
    let mut location = VolumeSnapshotLocation::new("velero", name);
    location.spec.provider = provider.to_owned();
    location
}

fn observed() -> Observed {
    let namespace = |name: &str, excluded: bool| NamespaceFacts {
        name: name.into(),
        labels: if excluded {
            [(labels::EXCLUDE_FROM_BACKUP.into(), "true".into())].into()
        } else {
            BTreeMap::new()
        },
        phase: "Active".into(),
    };
    Observed {
        catalog: catalog(),
        namespaces: vec![namespace("shop", false), namespace("private", true)],
        locations: vec![
            location("default", |_| {}),
            location("sealed", |of| of.spec.access_mode = AccessMode::ReadOnly),
            location("down", |of| {
                of.status.phase = Some(LocationPhase::Unavailable);
                of.status.message = "no route to host".into();
            }),
            location("new", |of| of.status.phase = None),
        ],
        snapshot_locations: vec![
            snapshot_location("ebs", "aws"),
            snapshot_location("disk-a", "gcp"),
            snapshot_location("disk-b", "gcp"),
        ],
        version: Version { git: "v1.34.4".into(), major: "1".into(), minor: "34".into() },
        policies: Sources::default(),
    }
}

fn prepared(spec: &str) -> Prepared {
    let defaults =
        Defaults { snapshot_locations: [("gcp".into(), "disk-b".into())].into(), ..Defaults::default() };
    prepare(&backup(spec), &observed(), &defaults, now())
}

#[test]
fn silence_becomes_defaults() {
    let prepared = prepared("{}");
    assert_eq!(prepared.validation_errors, [""; 0]);
    insta::assert_json_snapshot!(prepared.spec, @r#"
    {
      "includedNamespaces": [
        "*"
      ],
      "excludedNamespaces": [
        "private"
      ],
      "defaultVolumesToFsBackup": false,
      "snapshotMoveData": false,
      "storageLocation": "default",
      "volumeSnapshotLocations": [
        "ebs",
        "disk-b"
      ],
      "ttl": "720h0m0s",
      "csiSnapshotTimeout": "10m0s",
      "itemOperationTimeout": "4h0m0s",
      "volumeGroupSnapshotLabelKey": "velero.io/volume-group"
    }
    "#);
    insta::assert_json_snapshot!(prepared.status, @r#"
    {
      "expiration": "2026-06-19T10:00:00Z",
      "startTimestamp": "2026-05-20T10:00:00Z",
      "version": 1,
      "formatVersion": "1.1.0",
      "phase": "InProgress"
    }
    "#);
    insta::assert_json_snapshot!((prepared.labels, prepared.annotations), @r#"
    [
      {
        "velero.io/storage-location": "default"
      },
      {
        "velero.io/resource-timeout": "10m0s",
        "velero.io/source-cluster-k8s-gitversion": "v1.34.4",
        "velero.io/source-cluster-k8s-major-version": "1",
        "velero.io/source-cluster-k8s-minor-version": "34"
      }
    ]
    "#);
}

#[test]
fn what_is_said_stays() {
    let spec = prepared(
        "{ttl: 1h0m0s, includedNamespaces: [shop], defaultVolumesToRestic: true, snapshotMoveData: true, \
         csiSnapshotTimeout: 1m0s, itemOperationTimeout: 2m0s, snapshotVolumes: false}",
    )
    .spec;
    assert_eq!((spec.ttl, spec.default_volumes_to_fs_backup), (GoDuration::from_hours(1), Some(true)));
    assert_eq!((spec.snapshot_move_data, spec.csi_snapshot_timeout), (Some(true), GoDuration::from_mins(1)));
    assert_eq!(spec.included_namespaces, ["shop"]);
    assert!(spec.volume_snapshot_locations.is_empty());
}

#[test]
fn the_old_name_of_file_system_backups_asks_for_them_too() {
    let asked = |spec: &str| prepared(spec).spec.default_volumes_to_fs_backup;
    assert_eq!(asked("{defaultVolumesToRestic: true}"), Some(true));
    assert_eq!(asked("{defaultVolumesToRestic: true, defaultVolumesToFsBackup: false}"), Some(true));
    assert_eq!(asked("{defaultVolumesToRestic: false, defaultVolumesToFsBackup: true}"), Some(true));
    assert_eq!(asked("{defaultVolumesToRestic: false}"), Some(false));
}

#[test]
fn the_location_is_the_named_then_the_marked_then_the_servers() {
    let mut observed = observed();
    assert_eq!(
        prepare(&backup("{storageLocation: sealed}"), &observed, &Defaults::default(), now())
            .spec
            .storage_location,
        "sealed"
    );
    observed.locations[3].spec.default = true;
    assert_eq!(prepare(&backup("{}"), &observed, &Defaults::default(), now()).spec.storage_location, "new");
}

fn check(spec: &str, expect: &[&str]) {
    let prepared = prepared(spec);
    let errors = &prepared.validation_errors;
    assert_eq!(errors.len(), expect.len(), "{spec}: {errors:#?}");
    for (error, part) in errors.iter().zip(expect) {
        assert!(error.contains(part), "{error:?} says nothing of {part:?}");
    }
    assert_eq!(prepared.status.phase, BackupPhase::FailedValidation);
    assert_eq!(prepared.status.validation_errors, *errors);
    assert!(prepared.status.start_timestamp.is_none());
}

#[test]
fn locations_that_cannot_be_used_are_refused() {
    check("{storageLocation: nowhere}", &["\"nowhere\" was not found"]);
    check("{storageLocation: sealed}", &["read-only mode"]);
    check("{storageLocation: down}", &["no route to host"]);
    check("{storageLocation: new}", &["not been validated yet"]);
}

#[test]
fn snapshot_locations_are_one_a_provider() {
    assert_eq!(
        prepared("{volumeSnapshotLocations: [disk-a]}").spec.volume_snapshot_locations,
        ["ebs", "disk-a"]
    );
    check(
        "{volumeSnapshotLocations: [disk-a, disk-b]}",
        &["more than one volume snapshot location is named for provider gcp"],
    );
    check("{volumeSnapshotLocations: [nowhere]}", &["\"nowhere\" was not found"]);
    let without = prepare(&backup("{}"), &observed(), &Defaults::default(), now());
    assert_eq!(
        without.validation_errors,
        [
            "provider gcp has more than one possible volume snapshot location, and none were specified explicitly or as a default"
        ]
    );
}

#[test]
fn filters_that_contradict_each_other_are_refused() {
    check(
        "{includedResources: [pods], includedNamespaceScopedResources: [pods]}",
        &["one family or the other"],
    );
    check(
        "{includeClusterResources: true, excludedClusterScopedResources: [nodes]}",
        &["one family or the other"],
    );
    check(
        "{includedResources: [pods], excludedResources: [pods]}",
        &["\"pods\" is both included and excluded"],
    );
    check("{includedResources: ['*', pods]}", &["'*' must be the only entry of the includes"]);
    check(
        "{excludedClusterScopedResources: ['*'], includedClusterScopedResources: [nodes]}",
        &["nothing can be included when '*' is excluded"],
    );
    check("{includedNamespaces: [a], excludedNamespaces: [a]}", &["\"a\" is both included and excluded"]);
    check("{includedNamespaces: ['a{b,c}', Upper]}", &["a{b,c}", "Upper"]);
    check("{includedNamespaces: [private]}", &["velero.io/exclude-from-backup=true"]);
    check(
        "{labelSelector: {matchLabels: {a: b}}, orLabelSelectors: [{matchLabels: {a: b}}]}",
        &["labelSelector and orLabelSelectors cannot be used together"],
    );
    check("{labelSelector: {matchExpressions: [{key: a, operator: Near}]}}", &["Near"]);
    check(
        "{storageLocation: nowhere, includedResources: [pods], excludedResources: [pods]}",
        &["nowhere", "pods"],
    );
}

/// The errors of a Backup that follows policies.
fn refused_by(spec: &str, policies: Sources) -> Vec<String> {
    let observed = Observed { policies, ..observed() };
    prepare(&backup(spec), &observed, &Defaults::default(), now()).validation_errors
}

const NAMED: &str = "{snapshotVolumes: false, resourcePolicy: {kind: configmap, name: p}}";

#[test]
fn a_policy_that_cannot_be_followed_is_refused() {
    let missing = Sources { own: Some(Source { name: "p".into(), document: None }), global: None };
    let wrong = policy("version: v1\nvolumePolicies: [{action: {type: skp}}]");
    for (spec, policies, expected) in [
        (NAMED, missing, "resource policy p: there is no ConfigMap of this name"),
        (NAMED, wrong, "resource policy p: volumePolicies[0].action.type: \"skp\" is not known"),
        (
            "{snapshotVolumes: false, resourcePolicy: {kind: Secret, name: p}}",
            Sources::default(),
            "resourcePolicy has the kind \"Secret\"",
        ),
    ] {
        let errors = refused_by(spec, policies);
        assert!(errors.len() == 1 && errors[0].starts_with(expected), "{errors:?}");
    }
    assert_eq!(refused_by(NAMED, policy("version: v1")), Vec::<String>::new());
}

#[test]
fn filters_of_a_policy_do_not_mix_with_old_filters() {
    let policies =
        || policy("version: v1\nincludeExcludePolicy: {excludedNamespaceScopedResources: [secrets]}");
    let old =
        "{snapshotVolumes: false, includedResources: [pods], resourcePolicy: {kind: configmap, name: p}}";
    let errors = refused_by(old, policies());
    assert!(
        errors.len() == 1 && errors[0].contains("cannot be used together with the includeExcludePolicy"),
        "{errors:?}"
    );
    assert_eq!(refused_by(NAMED, policies()), Vec::<String>::new());
    let volumes = policy("version: v1\nvolumePolicies: [{action: {type: skip}}]");
    assert_eq!(refused_by(old, volumes), Vec::<String>::new());
}

#[test]
fn a_backup_says_that_it_followed_the_servers_policy() {
    let policies = Sources { own: None, global: Some(config_map("site", "version: v1")) };
    let observed = Observed { policies, ..observed() };
    let prepared = prepare(&backup("{}"), &observed, &Defaults::default(), now());
    assert_eq!(prepared.annotations[labels::GLOBAL_VOLUME_POLICIES], "site");
}

#[test]
fn times_of_less_than_none_are_refused() {
    let spec = "{ttl: -1h, csiSnapshotTimeout: -1s, itemOperationTimeout: -1m}";
    check(spec, &["ttl is -1h0m0s", "csiSnapshotTimeout is -1s", "itemOperationTimeout is -1m0s"]);
}

#[test]
fn a_location_is_a_label_however_long_its_name() {
    let name = "l".repeat(200);
    let mut observed = observed();
    observed.locations.push(location(&name, |_| {}));
    let backup = backup(&format!("{{storageLocation: {name}, snapshotVolumes: false}}"));
    let prepared = prepare(&backup, &observed, &Defaults::default(), now());
    assert_eq!(prepared.validation_errors, [""; 0]);
    let label = &prepared.labels[labels::STORAGE_LOCATION];
    assert!(label.len() == 63 && label.starts_with(&name[..57]), "{label}");
}

#[test]
fn each_old_filter_is_refused_beside_each_scoped_one() {
    let old = [
        "includedResources: [pods]",
        "excludedResources: [pods]",
        "includeClusterResources: false",
        "includeClusterResources: true",
    ];
    let scoped = [
        "includedClusterScopedResources: ['*']",
        "excludedClusterScopedResources: [nodes]",
        "includedNamespaceScopedResources: [secrets]",
        "excludedNamespaceScopedResources: ['*']",
    ];
    for old in old {
        assert_eq!(prepared(&format!("{{{old}}}")).validation_errors, [""; 0], "{old}");
        for scoped in scoped {
            check(&format!("{{{old}, {scoped}}}"), &["one family or the other"]);
            assert_eq!(prepared(&format!("{{{scoped}}}")).validation_errors, [""; 0], "{scoped}");
        }
    }
}
