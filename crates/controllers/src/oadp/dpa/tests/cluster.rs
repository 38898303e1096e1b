//! The five steps over a cluster in memory, and with every call of them failing once.

use std::sync::Arc;
use std::time::Duration;

use cluster::fake::FakeCluster;
use cluster::fake::{Fault, Faulty};
use cluster::port::WriteOptions;
use cluster::{Cluster, Patch};
use engine::document;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{base, merge, settings};
use crate::deps::{RandomIds, SystemClock};
use crate::error::Result;
use crate::install::types;
use crate::oadp::dpa::reconcile::{Context, reconcile};
use crate::runtime::Next;

/// A definition of a kind that keeps whatever it is given.
fn definition(kind: &str, status: bool) -> Value {
    let of = types::of_kind(kind).unwrap();
    let subresources = if status { json!({"status": {}}) } else { json!({}) };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{}.{}", of.plural, of.group)},
        "spec": {
            "group": of.group,
            "scope": "Namespaced",
            "names": {"kind": of.kind, "plural": of.plural, "singular": of.kind.to_lowercase()},
            "versions": [{"name": of.version, "served": true, "storage": true, "subresources": subresources}],
        },
    })
}

async fn create(cluster: &dyn Cluster, object: &Value) {
    let at = types::address(object).unwrap();
    cluster.create(&at, object, WriteOptions::default()).await.unwrap();
}

/// A cluster with an application in it that asks for `spec`.
async fn world(spec: Value) -> FakeCluster {
    let fake = FakeCluster::new();
    for (kind, status) in [
        ("DataProtectionApplication", true),
        ("BackupStorageLocation", false),
        ("VolumeSnapshotLocation", false),
    ] {
        create(&fake, &definition(kind, status)).await;
    }
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let named =
        |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    let mut namespace = named("Namespace", "openshift-adp");
    namespace["metadata"]["labels"] = labels;
    create(&fake, &namespace).await;
    let mut secret = named("Secret", "cloud-credentials");
    secret["metadata"]["namespace"] = json!("openshift-adp");
    // [default] aws_access_key_id=a aws_secret_access_key=b
    secret["data"] =
        json!({"cloud": "W2RlZmF1bHRdCmF3c19hY2Nlc3Nfa2V5X2lkPWEKYXdzX3NlY3JldF9hY2Nlc3Nfa2V5PWIK"});
    create(&fake, &secret).await;
    let application = json!({
        "apiVersion": "oadp.openshift.io/v1alpha1",
        "kind": "DataProtectionApplication",
        "metadata": {"name": "dpa", "namespace": "openshift-adp"},
        "spec": spec,
    });
    create(&fake, &application).await;
    fake
}

fn context(cluster: Arc<dyn Cluster>) -> Context {
    Context {
        cluster,
        namespace: "openshift-adp".to_owned(),
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
        metrics: Arc::default(),
        settings: settings(),
        stop: CancellationToken::new(),
    }
}

fn get(fake: &FakeCluster, kind: &str, name: &str) -> Option<Value> {
    let is = |object: &Value| object["kind"] == kind && document::name(object) == name;
    fake.objects().into_iter().find(is)
}

async fn run(fake: &FakeCluster, cluster: Arc<dyn Cluster>) -> Result<Next> {
    reconcile(&context(cluster), &get(fake, "DataProtectionApplication", "dpa").unwrap()).await
}

async fn steady(fake: &FakeCluster) -> Next {
    run(fake, Arc::new(fake.clone())).await.unwrap()
}

fn condition(fake: &FakeCluster, kind: &str) -> Value {
    let application = get(fake, "DataProtectionApplication", "dpa").unwrap();
    let conditions = document::list(&application, &["status", "conditions"]);
    conditions.iter().find(|condition| condition["type"] == kind).cloned().unwrap_or_default()
}

/// What there is, but for what no two runs have in common.
fn objects(fake: &FakeCluster) -> Vec<Value> {
    let mut objects = fake.objects();
    objects.retain(|object| object["kind"] != "Event");
    for object in &mut objects {
        for field in ["uid", "resourceVersion", "managedFields", "creationTimestamp"] {
            document::remove(object, &["metadata", field]);
        }
        document::remove(object, &["metadata", "ownerReferences"]);
        for condition in document::list_mut(object, &["status", "conditions"]).into_iter().flatten() {
            document::remove(condition, &["lastTransitionTime"]);
        }
    }
    objects
}

/// The server runs, and every location answers.
async fn make_ready(fake: &FakeCluster) {
    for mut object in fake.objects() {
        let status = match object["kind"].as_str().unwrap() {
            "Deployment" => json!({
                "observedGeneration": object["metadata"]["generation"], "replicas": 1,
                "availableReplicas": 1, "updatedReplicas": 1,
            }),
            "BackupStorageLocation" => json!({"phase": "Available"}),
            _ => continue,
        };
        object["status"] = status;
        fake.seed([object]);
    }
}

#[tokio::test]
async fn an_application_is_made_becomes_available_and_rests() {
    let fake = world(base()).await;
    assert_eq!(steady(&fake).await, Next::After(Duration::from_secs(5)), "looks again soon");
    assert_eq!(condition(&fake, "Reconciled")["status"], "True");
    assert_eq!(condition(&fake, "Available")["reason"], "ServerNotReady");
    let uid = get(&fake, "DataProtectionApplication", "dpa").unwrap()["metadata"]["uid"].clone();
    for (kind, name) in [
        ("Deployment", "velero"),
        ("ServiceAccount", "velero"),
        ("Service", "openshift-adp-velero-metrics-svc"),
        ("BackupStorageLocation", "dpa-1"),
    ] {
        let object = get(&fake, kind, name).unwrap_or_else(|| panic!("{kind} {name} is missing"));
        assert_eq!(
            object["metadata"]["ownerReferences"][0]["uid"], uid,
            "{kind} {name} goes with the application"
        );
    }
    let secret = get(&fake, "Secret", "cloud-credentials").unwrap();
    assert_eq!(document::label(&secret, "dataprotectionapplication.name"), Some("dpa"));
    assert!(secret["data"]["cloud"].is_string(), "its contents are left alone");
    make_ready(&fake).await;
    assert_eq!(steady(&fake).await, Next::After(Duration::from_secs(60)));
    assert_eq!(condition(&fake, "Available")["status"], "True");
    let before = get(&fake, "DataProtectionApplication", "dpa");
    steady(&fake).await;
    assert_eq!(get(&fake, "DataProtectionApplication", "dpa"), before, "nothing new is nothing to write");
}

#[tokio::test]
async fn a_location_that_is_renamed_leaves_none_behind() {
    let fake = world(base()).await;
    steady(&fake).await;
    let mut application = get(&fake, "DataProtectionApplication", "dpa").unwrap();
    application["spec"]["backupLocations"][0]["name"] = json!("main");
    let mine = json!({"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
        "metadata": {"name": "mine", "namespace": "openshift-adp"}, "spec": {}});
    fake.seed([application, mine]);
    steady(&fake).await;
    assert!(get(&fake, "BackupStorageLocation", "main").is_some());
    assert!(get(&fake, "BackupStorageLocation", "dpa-1").is_none());
    assert!(get(&fake, "BackupStorageLocation", "mine").is_some(), "a user's own location is left alone");
}

#[tokio::test]
async fn a_refused_application_changes_nothing_but_its_status() {
    let mut spec = base();
    merge(&mut spec, json!({"features": {"dataMover": {}}, "unsupportedOverrides": {"operator-type": "x"}}));
    let fake = world(spec).await;
    steady(&fake).await;
    assert!(get(&fake, "Deployment", "velero").is_none());
    let reconciled = condition(&fake, "Reconciled");
    let message = reconciled["message"].as_str().unwrap();
    assert!(message.contains("SLV-4004") && message.contains("SLV-4005"), "{message}");
}

#[tokio::test]
async fn an_application_that_cannot_be_read_says_so() {
    let mut spec = base();
    spec["backupLocations"][0]["velero"]["backupSyncPeriod"] = json!("five minutes");
    let fake = world(spec).await;
    assert_eq!(steady(&fake).await, Next::Wait);
    let message = condition(&fake, "Reconciled")["message"].to_string();
    assert!(message.contains("five minutes"), "{message}");
}

#[tokio::test]
async fn a_deployment_of_another_selector_is_replaced() {
    let fake = world(base()).await;
    let other = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "velero", "namespace": "openshift-adp", "uid": "old"},
        "spec": {"selector": {"matchLabels": {"component": "velero", "deploy": "velero"}}}});
    fake.seed([other]);
    steady(&fake).await;
    let deployment = get(&fake, "Deployment", "velero").unwrap();
    assert_ne!(deployment["metadata"]["uid"], "old");
    assert_eq!(deployment["spec"]["selector"]["matchLabels"], json!({"deploy": "velero"}));
}

#[tokio::test]
async fn any_call_may_fail_or_be_the_last_and_the_end_is_the_same() {
    let expected = {
        let fake = world(base()).await;
        steady(&fake).await;
        objects(&fake)
    };
    let kinds: [fn(usize) -> Fault; 3] =
        [Fault::call, |nth| Fault::call(nth).after_effect(), |nth| Fault::call(nth).then_dead()];
    for fault in kinds {
        for nth in 1.. {
            let fake = world(base()).await;
            let faulty = Arc::new(Faulty::new(Arc::new(fake.clone()), Some(fault(nth))));
            let _fails_or_not = run(&fake, Arc::clone(&faulty) as Arc<dyn Cluster>).await;
            if !faulty.struck() {
                assert!(nth > 10, "only {nth} calls were made");
                break;
            }
            steady(&fake).await;
            assert_eq!(objects(&fake), expected, "call {nth} failed: {:#?}", faulty.log());
        }
    }
}

#[tokio::test]
async fn an_edit_by_hand_is_put_right() {
    let fake = world(base()).await;
    steady(&fake).await;
    let deployment = get(&fake, "Deployment", "velero").unwrap();
    let at = types::address(&deployment).unwrap();
    let patch = Patch::Merge(json!({"spec": {"template": {"spec": {"serviceAccountName": "other"}}}}));
    fake.patch(&at, None, &patch, WriteOptions::default()).await.unwrap();
    steady(&fake).await;
    let deployment = get(&fake, "Deployment", "velero").unwrap();
    assert_eq!(deployment["spec"]["template"]["spec"]["serviceAccountName"], "velero");
}
