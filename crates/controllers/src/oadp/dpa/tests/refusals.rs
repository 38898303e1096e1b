//! Every refusal, alone.

use serde_json::{Value, json};

use super::{base, found, secret, settings, with};
use crate::oadp::dpa::dereference::{Found, SecretContents};
use crate::oadp::dpa::validate;

/// The messages of all refusals.
fn refused(found: &Found) -> Vec<String> {
    let problems = validate(found, &settings()).err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect()
}

/// Exactly one refusal, with this code and these words.
fn check(found: &Found, code: &str, words: &str) {
    let all = refused(found);
    assert_eq!(all.len(), 1, "{words}: {all:#?}");
    assert!(all[0].starts_with(code) && all[0].contains(words), "{words}: {all:#?}");
}

fn location(patch: Value) -> Found {
    let mut spec = base();
    super::merge(&mut spec["backupLocations"][0], patch);
    found(spec)
}

#[test]
fn the_base_is_not_refused() {
    assert_eq!(refused(&found(base())), Vec::<String>::new());
}

#[test]
fn a_namespace_has_one_application() {
    let mut two = found(base());
    two.others.push("other".to_owned());
    check(&two, "SLV-4002", "other");
}

#[test]
fn settings_of_the_whole_that_contradict() {
    check(&with(json!({"configuration": {"velero": null}})), "SLV-4003", "configuration.velero is missing");
    check(&with(json!({"backupLocations": null})), "SLV-4003", "backupLocations is empty");
    let none = json!({"configuration": {"velero": {"noDefaultBackupLocation": true}}});
    check(&with(none.clone()), "SLV-4003", "cannot be used together");
    let images = json!({
        "configuration": {"velero": {"noDefaultBackupLocation": true}},
        "backupLocations": null,
        "backupImages": null,
    });
    check(&with(images), "SLV-4003", "backupImages must be false");
}

#[test]
fn what_is_gone() {
    check(&with(json!({"features": {"dataMover": {"enable": true}}})), "SLV-4004", "features.dataMover");
    check(
        &with(json!({"configuration": {"restic": {"enable": true}}})),
        "SLV-4004",
        "configuration.nodeAgent",
    );
    let vsm = json!({"configuration": {"velero": {"defaultPlugins": ["aws", "vsm"]}}});
    check(&with(vsm), "SLV-4004", "the plugin vsm");
}

#[test]
fn overrides_and_plugins() {
    check(&with(json!({"unsupportedOverrides": {"operator-type": "x"}})), "SLV-4005", "\"x\"");
    assert!(refused(&with(json!({"unsupportedOverrides": {"operator-type": "mtc"}}))).is_empty());
    let both = json!({"configuration": {"velero": {"defaultPlugins": ["aws", "legacy-aws"]}}});
    check(&with(both), "SLV-4006", "cannot be used together");
    let custom = json!({"configuration": {"velero": {"customPlugins": [{"name": "mine", "image": "i"}]}}});
    check(&with(custom), "SLV-4006", "\"mine\"");
}

#[test]
fn a_plugin_needs_its_secret_unless_every_location_brings_its_own() {
    let without = |spec: Value| {
        let mut found = found(spec);
        found.secrets.remove("cloud-credentials");
        found.secrets.extend([secret(
            "mine",
            "k",
            "[default]\naws_access_key_id=a\naws_secret_access_key=b",
        )]);
        found
    };
    check(&without(base()), "SLV-4007", "of the plugin aws is not there");
    let mut own = base();
    own["backupLocations"][0]["velero"]["credential"] = json!({"name": "mine", "key": "k"});
    assert!(refused(&without(own)).is_empty());
    let mut own = base();
    own["backupLocations"][0]["velero"]["config"]["credentialsFile"] = json!("mine/k");
    assert!(refused(&without(own)).is_empty());
    let mut elsewhere = base();
    elsewhere["configuration"]["velero"]["defaultPlugins"] = json!(["aws", "gcp"]);
    elsewhere["backupLocations"][0]["velero"]["provider"] = json!("gcp");
    assert!(refused(&without(elsewhere)).is_empty(), "no location needs it");
    let mut flagged = base();
    flagged["configuration"]["velero"]["featureFlags"] = json!(["no-secret"]);
    assert!(refused(&without(flagged)).is_empty());
}

#[test]
fn a_location_is_one_of_two_things() {
    let bucket =
        json!({"bucket": {"cloudStorageRef": {"name": "c"}, "credential": {"name": "n", "key": "k"}}});
    check(&location(bucket), "SLV-4008", "cannot be used together");
    let mut neither = base();
    neither["backupLocations"].as_array_mut().unwrap().push(json!({"name": "empty"}));
    check(&found(neither), "SLV-4008", "one of velero and bucket is needed");
}

#[test]
fn velero_locations_that_are_wrong() {
    for (patch, words) in [
        (json!({"provider": "disk"}), "the provider \"disk\" is not known"),
        (json!({"provider": ""}), "no provider is named"),
        (json!({"objectStorage": {"bucket": ""}}), "objectStorage.bucket is empty"),
        (
            json!({"objectStorage": {"caCert": "Y2E=", "caCertRef": {"name": "ca", "key": "pem"}}}),
            "caCert and caCertRef cannot be used together",
        ),
    ] {
        check(&location(json!({"velero": patch})), "SLV-4008", words);
    }
    let mut images = base();
    images["backupImages"] = json!(true);
    images["backupLocations"][0]["velero"]["objectStorage"]["prefix"] = json!("");
    check(&found(images), "SLV-4008", "velero.objectStorage.prefix is needed");
}

#[test]
fn one_location_is_the_default() {
    check(&location(json!({"velero": {"default": false}})), "SLV-4008", "must have default: true");
    let mut two = base();
    let second = json!({"name": "second", "velero": two["backupLocations"][0]["velero"].clone()});
    two["backupLocations"].as_array_mut().unwrap().push(second);
    check(&found(two), "SLV-4008", "only one");
    let mut misnamed = base();
    let mut second = json!({"name": "default", "velero": misnamed["backupLocations"][0]["velero"].clone()});
    second["velero"]["default"] = json!(false);
    misnamed["backupLocations"].as_array_mut().unwrap().push(second);
    check(&found(misnamed), "SLV-4008", "called default");
    let mut twins = base();
    let mut second = json!({"name": "dpa-1", "velero": twins["backupLocations"][0]["velero"].clone()});
    second["velero"]["default"] = json!(false);
    twins["backupLocations"].as_array_mut().unwrap().push(second);
    check(&found(twins), "SLV-4008", "two locations are called \"dpa-1\"");
}

#[test]
fn cloud_storage_needs_a_name_and_credentials() {
    let bucket = |bucket: Value| {
        let mut spec = base();
        spec["backupLocations"].as_array_mut().unwrap().push(json!({"name": "c", "bucket": bucket}));
        found(spec)
    };
    let credential = json!({"name": "n", "key": "k"});
    check(
        &bucket(json!({"cloudStorageRef": {"name": ""}, "credential": credential})),
        "SLV-4008",
        "cloudStorageRef.name is empty",
    );
    check(&bucket(json!({"cloudStorageRef": {"name": "c"}})), "SLV-4007", "bucket.credential needs");
    check(
        &bucket(json!({"cloudStorageRef": {"name": "c"}, "credential": {"name": "n", "key": ""}})),
        "SLV-4007",
        "bucket.credential needs",
    );
}

#[test]
fn azure_needs_its_account() {
    let azure = |config: Value| {
        let mut spec = base();
        spec["configuration"]["velero"]["defaultPlugins"] = json!(["azure"]);
        spec["backupLocations"][0]["velero"]["provider"] = json!("azure");
        spec["backupLocations"][0]["velero"]["config"] = config;
        found(spec)
    };
    check(&azure(json!({"resourceGroup": "g"})), "SLV-4008", "config.storageAccount");
    check(&azure(json!({"storageAccount": "a"})), "SLV-4008", "config.resourceGroup");
    let named = json!({"resourceGroup": "g", "storageAccount": "a", "storageAccountKeyEnvVar": "NOWHERE"});
    check(&azure(named), "SLV-4007", "has no NOWHERE");
}

#[test]
fn credentials_of_a_location_must_be_of_use() {
    let named = |name: &str, key: &str| {
        let mut found = location(json!({"velero": {"credential": {"name": name, "key": key}}}));
        found.secrets.extend([
            secret("keyless", "k", "[default]\nregion=eu\n"),
            ("empty".to_owned(), SecretContents::default()),
        ]);
        found
    };
    check(&named("nowhere", "k"), "SLV-4007", "the Secret \"nowhere\" is not there");
    check(&named("empty", "k"), "SLV-4007", "no data under the key \"k\"");
    check(&named("keyless", "k"), "SLV-4007", "neither keys nor a role");
    let profile = location(json!({"velero": {"config": {"profile": "other"}}}));
    check(&profile, "SLV-4007", "no profile \"other\"");
}

#[test]
fn a_filesystem_location_lies_in_a_volume() {
    let filesystem = |volumes: &str, config: Value| {
        let mut spec = base();
        spec["configuration"]["velero"]["defaultPlugins"] = json!([]);
        spec["backupLocations"][0]["velero"]["provider"] = json!("salvor.io/filesystem");
        spec["backupLocations"][0]["velero"]["config"] = config;
        let mut found = found(spec);
        found.application.metadata.annotations =
            Some([("salvor.io/location-volumes".to_owned(), volumes.to_owned())].into());
        found
    };
    assert!(refused(&filesystem("a=pvc:x", json!({}))).is_empty());
    assert!(refused(&filesystem("a=pvc:x", json!({"path": "/locations/a/below"}))).is_empty());
    check(&filesystem("a=pvc:x", json!({"path": "/locations/ab"})), "SLV-4008", "lies in none");
    check(&filesystem("a=pvc:x", json!({"path": "/locations/a/../../etc"})), "SLV-4008", "lies in none");
    check(&filesystem("a=pvc:x,b=pvc:y", json!({})), "SLV-4008", "lies in none");
    check(&filesystem("a=pvc:x,b=floppy:/y", json!({"path": "/locations/a"})), "SLV-4013", "b=floppy:/y");
}

#[test]
fn snapshot_locations_that_are_wrong() {
    let snapshot = |velero: Value| with(json!({"snapshotLocations": [{"velero": velero}]}));
    check(&with(json!({"snapshotLocations": [{"name": "s"}]})), "SLV-4009", "velero is missing");
    check(&snapshot(json!({"provider": "disk"})), "SLV-4009", "not one of aws, azure, gcp");
    check(&snapshot(json!({"provider": "aws"})), "SLV-4009", "config.region is needed");
    let key = json!({"provider": "aws", "config": {"region": "eu", "colour": "red"}});
    check(&snapshot(key), "SLV-4009", "config.colour is not known");
    check(&snapshot(json!({"provider": "gcp"})), "SLV-4009", "the plugin gcp is not in");
    let half = json!({"provider": "aws", "config": {"region": "eu"}, "credential": {"name": "n", "key": ""}});
    check(&snapshot(half), "SLV-4009", "credential needs a name and a key");
}

#[test]
fn node_agents_are_scheduled_in_one_way() {
    let agent = |affinity: Value| {
        with(json!({"configuration": {"nodeAgent": {
            "uploaderType": "kopia",
            "podConfig": {"nodeSelector": {"disk": "fast"}},
            "loadAffinity": affinity,
        }}}))
    };
    let labels = |labels: Value| json!({"nodeSelector": {"matchLabels": labels}});
    let fast = labels(json!({"disk": "fast"}));
    assert!(refused(&agent(json!([]))).is_empty());
    assert!(refused(&agent(json!([fast]))).is_empty());
    check(&agent(json!([fast, fast])), "SLV-4010", "one entry");
    check(&agent(json!([labels(json!({}))])), "SLV-4010", "needs matchLabels");
    check(&agent(json!([labels(json!({"disk": "slow"}))])), "SLV-4010", "labels that loadAffinity has not");
    let mut expression = fast.clone();
    expression["nodeSelector"]["matchExpressions"] = json!([{"key": "a", "operator": "Exists"}]);
    check(&agent(json!([expression])), "SLV-4010", "matchExpressions");
}

#[test]
fn amounts_durations_and_labels_must_be_what_they_are() {
    let velero = |patch: Value| with(json!({"configuration": {"velero": patch}}));
    check(
        &velero(json!({"podConfig": {"resourceAllocations": {"limits": {"cpu": "two"}}}})),
        "SLV-4011",
        "configuration.velero.podConfig.resourceAllocations.limits.cpu: \"two\"",
    );
    check(&velero(json!({"resourceTimeout": "soon"})), "SLV-4011", "configuration.velero.resourceTimeout");
    check(
        &velero(json!({"podConfig": {"labels": {"deploy": "other"}}})),
        "SLV-4011",
        "conflicting key \"deploy\"",
    );
    assert!(refused(&velero(json!({"podConfig": {"labels": {"deploy": "velero"}}}))).is_empty());
    let agent = json!({"uploaderType": "kopia", "podResources": {"memoryLimit": "lots"}});
    check(&with(json!({"configuration": {"nodeAgent": agent}})), "SLV-4011", "podResources.memoryLimit");
}

#[test]
fn rules_for_users_do_not_contradict() {
    let rules = |mut rules: Value| {
        rules["enable"] = json!(true);
        with(json!({"nonAdmin": rules}))
    };
    assert!(refused(&rules(json!({}))).is_empty());
    for (fields, words) in [
        (json!({"garbageCollectionPeriod": "-1h"}), "garbageCollectionPeriod is negative"),
        (json!({"backupSyncPeriod": "-1m"}), "backupSyncPeriod is negative"),
        (json!({"backupSyncPeriod": "2h", "garbageCollectionPeriod": "1h"}), "shorter than nonAdmin.garbage"),
        (json!({"backupSyncPeriod": "30s"}), "the default location's backupSyncPeriod"),
        (json!({"enforceBSLSpec": {"backupSyncPeriod": "5m"}}), "enforceBSLSpec.backupSyncPeriod"),
        (json!({"enforceBackupSpec": {"storageLocation": "x"}}), "enforceBackupSpec.storageLocation"),
        (json!({"enforceBackupSpec": {"volumeSnapshotLocations": ["x"]}}), "volumeSnapshotLocations"),
        (json!({"enforceBackupSpec": {"includedNamespaces": ["x"]}}), "enforceBackupSpec.includedNamespaces"),
        (json!({"enforceBackupSpec": {"excludedNamespaces": ["x"]}}), "enforceBackupSpec.excludedNamespaces"),
        (json!({"enforceBackupSpec": {"includeClusterResources": true}}), "includeClusterResources"),
        (
            json!({"enforceBackupSpec": {"includedClusterScopedResources": ["x"]}}),
            "includedClusterScopedResources",
        ),
        (json!({"enforceRestoreSpec": {"scheduleName": "x"}}), "enforceRestoreSpec.scheduleName"),
        (
            json!({"enforceRestoreSpec": {"includedNamespaces": ["x"]}}),
            "enforceRestoreSpec.includedNamespaces",
        ),
        (
            json!({"enforceRestoreSpec": {"excludedNamespaces": ["x"]}}),
            "enforceRestoreSpec.excludedNamespaces",
        ),
        (
            json!({"enforceRestoreSpec": {"namespaceMapping": {"a": "b"}}}),
            "enforceRestoreSpec.namespaceMapping",
        ),
    ] {
        check(&rules(fields), "SLV-4012", words);
    }
}

#[test]
fn all_refusals_come_at_once() {
    let many = with(json!({
        "features": {"dataMover": {}},
        "unsupportedOverrides": {"operator-type": "x"},
        "snapshotLocations": [{"velero": {"provider": "disk"}}],
        "configuration": {"velero": {"resourceTimeout": "soon"}},
    }));
    let all = refused(&many);
    for code in ["SLV-4004", "SLV-4005", "SLV-4009", "SLV-4011"] {
        assert!(all.iter().any(|message| message.starts_with(code)), "{code}: {all:#?}");
    }
}
