//! An application with everything that becomes part of an object, as golden documents.

use serde_json::{Value, json};

use super::{base, found, settings};
use crate::install::deployment::Platform;
use crate::oadp::dpa::reconcile::Settings;
use crate::oadp::dpa::{Found, Prepared, Resources, build, validate};

fn built(found: &Found) -> Resources<Prepared> {
    let valid = validate(found, &settings()).unwrap();
    build(&valid, found, &settings())
}

fn everything() -> Value {
    json!({
        "backupImages": false,
        "imagePullPolicy": "IfNotPresent",
        "logFormat": "json",
        "podAnnotations": {"team": "storage"},
        "podDnsPolicy": "None",
        "podDnsConfig": {"nameservers": ["10.0.0.53"], "options": [{"name": "ndots", "value": "2"}]},
        "unsupportedOverrides": {"veleroImageFqin": "example/salvor:1"},
        "configuration": {"velero": {
            "defaultPlugins": ["aws", "csi", "openshift"],
            "featureFlags": ["EnableCSI", "Mine"],
            "logLevel": "debug",
            "client-qps": 50,
            "client-burst": 60,
            "itemOperationSyncFrequency": "10s",
            "defaultItemOperationTimeout": "2h",
            "resourceTimeout": "5m",
            "itemBlockWorkerCount": 2,
            "disableInformerCache": true,
            "loadAffinity": [{"nodeSelector": {"matchLabels": {"zone": "a"}}}],
            "args": {"default-backup-ttl": 3_600_000_000_000_u64, "client-burst": 99, "metrics-address": ":9000"},
            "podConfig": {
                "labels": {"cost": "1"},
                "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
                "nodeSelector": {"infra": "yes"},
                "tolerations": [{"key": "infra", "operator": "Exists"}],
                "resourceAllocations": {"limits": {"cpu": 2}, "requests": {"memory": "256Mi"}},
            },
        }},
        "backupLocations": [
            {"name": "main", "velero": {
                "provider": "aws",
                "default": true,
                "accessMode": "ReadOnly",
                "backupSyncPeriod": "2m0s",
                "validationFrequency": "5m0s",
                "objectStorage": {"bucket": "b", "prefix": "p", "caCert": "Y2E="},
                "config": {"s3Url": "https://store:443/", "credentialsFile": "cloud-credentials/cloud"},
            }},
            {"velero": {"provider": "gcp", "objectStorage": {"bucket": "g"}}},
        ],
        "snapshotLocations": [{"velero": {"provider": "aws", "config": {"region": "eu"}}}],
    })
}

#[test]
fn an_application_becomes_these_objects() {
    let all = built(&found(everything()));
    assert!(all.namespace.is_none() && all.obstacle.is_none() && all.surplus.is_empty());
    insta::assert_yaml_snapshot!("server", all.deployment);
    insta::assert_yaml_snapshot!("locations", [all.locations, all.snapshot_locations].concat());
    let account = vec![all.service_account];
    insta::assert_yaml_snapshot!("account-and-services", [account, all.services, all.secrets].concat());
}

#[test]
fn arguments_are_given_once() {
    let deployment = built(&found(everything())).deployment;
    let args = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap().clone();
    let mut names: Vec<_> = args.iter().map(|arg| arg.as_str().unwrap().split('=').next().unwrap()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{args:#?}");
    assert!(
        args.contains(&json!("--client-burst=99")) && args.contains(&json!("--default-backup-ttl=1h0m0s"))
    );
}

#[test]
fn the_namespace_is_widened_only_for_volumes_that_need_it() {
    let volume = |source: &str, level: &str| {
        let mut spec = base();
        spec["configuration"]["velero"]["defaultPlugins"] = json!([]);
        spec["backupLocations"][0]["velero"]["provider"] = json!("salvor.io/filesystem");
        let mut found = found(spec);
        found.namespace = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
        found.application.metadata.annotations =
            Some([("salvor.io/location-volumes".to_owned(), format!("a={source}"))].into());
        let namespace = built(&found).namespace?;
        Some(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"].as_str()?.to_owned())
    };
    assert_eq!(volume("pvc:x", "restricted"), None);
    assert_eq!(volume("hostPath:/x", "restricted").as_deref(), Some("privileged"));
    assert_eq!(volume("nfs:h:/x", "restricted").as_deref(), Some("baseline"));
    assert_eq!(volume("nfs:h:/x", "privileged"), None);
}

#[test]
fn locations_that_are_not_named_any_more_go() {
    let mut found = found(base());
    let stored = |name: &str| {
        json!({"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
            "metadata": {"name": name, "namespace": "openshift-adp", "uid": format!("uid-{name}")}})
    };
    found.locations = vec![stored("dpa-1"), stored("old")];
    let surplus = built(&found).surplus;
    assert_eq!(surplus.iter().map(|one| one.uid.as_str()).collect::<Vec<_>>(), ["uid-old"]);
}

#[test]
fn a_deployment_with_another_selector_stands_in_the_way() {
    let obstacle = |labels: Value| {
        let mut found = found(base());
        found.deployment = Some(json!({"kind": "Deployment",
            "metadata": {"name": "velero", "namespace": "openshift-adp", "uid": "d"},
            "spec": {"selector": {"matchLabels": labels}}}));
        built(&found).obstacle.is_some()
    };
    assert!(!obstacle(json!({"deploy": "velero"})));
    assert!(obstacle(json!({"deploy": "velero", "component": "velero"})));
}

#[test]
fn openshift_gives_the_server_its_user() {
    let found = found(base());
    let openshift = Settings { platform: Platform::OpenShift, ..settings() };
    let valid = validate(&found, &openshift).unwrap();
    let deployment = build(&valid, &found, &openshift).deployment;
    assert!(deployment["spec"]["template"]["spec"]["securityContext"].get("runAsUser").is_none());
}
