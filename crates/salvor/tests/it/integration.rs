//! What goes wrong around a server, each once through all of it: locations, requests, archives, the network, and
//! another server.

mod dry_runs;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testkit::progress::Progress;
use testkit::s3::S3;
use testkit::unreliable::{Mood, Unreliable};
use testkit::wait::{Look, until};

use crate::archives;
use crate::locations::{location_is, make_location};
use crate::world::{BUCKET, World, world};

/// How long an upload may take to begin.
const PATIENCE: Duration = Duration::from_secs(120);

async fn back_up(world: &World, server: &str, name: &str, spec: Value) -> Value {
    world.request(server, "Backup", name, spec).await.unwrap();
    world.ended(server, "backups", name).await
}

async fn restore(world: &World, server: &str, name: &str, spec: Value) -> Value {
    world.request(server, "Restore", name, spec).await.unwrap();
    world.ended(server, "restores", name).await
}

fn validation_errors(status: &Value) -> String {
    assert_eq!(status["phase"], "FailedValidation", "{status}");
    status["validationErrors"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn locations_that_do_not_work_say_why_and_take_no_backups() {
    const SERVER: &str = "bad-locations";
    let Some(world) = world().await else { return };
    world.install_salvor(SERVER, SERVER).await;
    let tls = S3::start_with_tls(&world.cluster, Progress::quiet()).await.unwrap();
    tls.make_bucket(BUCKET).unwrap();
    let wrong = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wrong", "namespace": SERVER},
        "stringData": {"cloud": "[default]\naws_access_key_id=nobody\naws_secret_access_key=nothing\n"},
    });
    world.cluster.client().create(&format!("/api/v1/namespaces/{SERVER}/secrets"), &wrong).await.unwrap();
    let bad = [
        ("unreachable", json!({"config": {"s3Url": "http://127.0.0.1:9"}}), "SLV-3101"),
        ("credentials", json!({"credential": {"name": "wrong", "key": "cloud"}}), "SLV-3102"),
        ("no-bucket", json!({"objectStorage": {"bucket": "no-such-bucket"}}), "SLV-3103"),
        ("untrusted", json!({"config": {"s3Url": tls.endpoint}}), "SLV-3104"),
        (
            "no-certificate",
            json!({"config": {"s3Url": tls.endpoint}, "objectStorage": {"caCert": BASE64_STANDARD.encode("no PEM")}}),
            "SLV-3105",
        ),
    ];
    for (name, change, code) in &bad {
        make_location(&world, SERVER, name, "bad", change).await;
        location_is(&world, SERVER, name, "Unavailable", code).await;
        let status = back_up(&world, SERVER, &format!("to-{name}"), json!({"storageLocation": name})).await;
        let errors = validation_errors(&status);
        assert!(errors.contains(name) && errors.contains(code), "{errors}");
    }
    let authority = BASE64_STANDARD.encode(tls.authority.as_ref().unwrap());
    let trusted = json!({"config": {"s3Url": tls.endpoint}, "objectStorage": {"caCert": authority}});
    make_location(&world, SERVER, "trusted", SERVER, &trusted).await;
    location_is(&world, SERVER, "trusted", "Available", "").await;
    let spec = json!({"storageLocation": "trusted", "includedNamespaces": ["default"]});
    assert_eq!(back_up(&world, SERVER, "over-tls", spec).await["phase"], "Completed");
    world.remove(SERVER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused() {
    const SERVER: &str = "bad-requests";
    let Some(world) = world().await else { return };
    world.install_salvor(SERVER, SERVER).await;
    let spec = json!({"includedNamespaces": ["default"]});
    for name in ["Upper", "under_score", "-dash", "a/b", &"x".repeat(300)] {
        let refused = world.request(SERVER, "Backup", name, spec.clone()).await;
        assert!(refused.is_err(), "{name} is no name");
    }
    let contradicting = json!({
        "includedNamespaces": ["a"], "excludedNamespaces": ["a"],
        "includedResources": ["pods"], "includedClusterScopedResources": ["persistentvolumes"],
        "labelSelector": {"matchLabels": {"a": "b"}}, "orLabelSelectors": [{"matchLabels": {"a": "b"}}],
    });
    let errors = validation_errors(&back_up(&world, SERVER, "contradicting", contradicting).await);
    for words in ["both included and excluded", "includedResources", "orLabelSelectors"] {
        assert!(errors.contains(words), "{words}: {errors}");
    }
    let errors =
        validation_errors(&back_up(&world, SERVER, "nowhere", json!({"storageLocation": "nowhere"})).await);
    assert!(errors.contains("nowhere"), "{errors}");
    let errors =
        validation_errors(&restore(&world, SERVER, "of-nothing", json!({"backupName": "nothing"})).await);
    assert!(errors.contains("nothing"), "{errors}");
    world.remove(SERVER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_with_one_name_one_writes_and_the_other_fails() {
    const SERVERS: [&str; 2] = ["two-first", "two-second"];
    let Some(world) = world().await else { return };
    for server in SERVERS {
        world.install_salvor(server, "two").await;
    }
    let spec = json!({"includedNamespaces": ["default", "kube-system"]});
    let request = |server: &'static str| world.request(server, "Backup", "same", spec.clone());
    let (first, second) = tokio::join!(request(SERVERS[0]), request(SERVERS[1]));
    first.unwrap();
    second.unwrap();
    let (first, second) =
        tokio::join!(world.ended(SERVERS[0], "backups", "same"), world.ended(SERVERS[1], "backups", "same"));
    let mut ends = [&first, &second].map(|status| status["phase"].as_str().unwrap());
    ends.sort_unstable();
    assert_eq!(ends, ["Completed", "Failed"], "{first}\n{second}");
    let failed = if first["phase"] == "Failed" { &first } else { &second };
    assert!(failed["failureReason"].as_str().unwrap().contains("SLV-1403"), "{failed}");
    // What the winner wrote is whole: it is restored.
    let (winner, spec) = (SERVERS[usize::from(first["phase"] == "Failed")], json!({"backupName": "same"}));
    assert_eq!(restore(&world, winner, "from-it", spec).await["phase"], "Completed");
    for server in SERVERS {
        world.remove(server).await;
    }
}

/// The folder of a location's backups, as the object store keeps it.
fn backups_folder(world: &World, prefix: &str) -> PathBuf {
    world.s3.folder.join(BUCKET).join(prefix).join("backups")
}

/// Makes a backup in the bucket as an old Velero would have left it, with an archive of ours.
fn plant(folder: &std::path::Path, server: &str, name: &str, archive: &[u8]) {
    let backup = folder.join(name);
    fs::create_dir_all(&backup).unwrap();
    fs::write(backup.join(format!("{name}.tar.gz")), archive).unwrap();
    let marker = json!({
        "apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": name, "namespace": server},
        "spec": {"includedNamespaces": ["*"], "storageLocation": "default"},
        "status": {"phase": "Completed", "formatVersion": "1.1.0", "version": 1},
    });
    fs::write(backup.join("velero-backup.json"), marker.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_that_are_none_are_refused_and_touch_nothing() {
    const SERVER: &str = "bad-archives";
    const NAMESPACE: &str = "bad-apes";
    let Some(world) = world().await else { return };
    world.install_salvor(SERVER, SERVER).await;
    let folder = backups_folder(&world, SERVER);
    let bad = archives::refused(NAMESPACE);
    for (name, archive, _) in &bad {
        plant(&folder, SERVER, name, archive);
    }
    plant(&folder, SERVER, "with-a-list", &archives::with_a_list(NAMESPACE));
    let namespace = format!("/api/v1/namespaces/{NAMESPACE}");
    for (name, _, why) in &bad {
        assert_eq!(world.ended(SERVER, "backups", name).await["phase"], "Completed");
        let status = restore(&world, SERVER, name, json!({"backupName": name})).await;
        assert_eq!(status["phase"], "Failed", "{name}: {status}");
        let reason = status["failureReason"].as_str().unwrap();
        assert!(reason.contains("SLV-2015") && reason.contains(why), "{name}: {status}");
        assert!(
            world.cluster.client().get(&namespace).await.unwrap().is_none(),
            "{name} touched the cluster"
        );
    }
    let status = restore(&world, SERVER, "with-a-list", json!({"backupName": "with-a-list"})).await;
    assert_eq!((&status["phase"], &status["errors"]), (&json!("PartiallyFailed"), &json!(1)), "{status}");
    let good = format!("{namespace}/configmaps/good");
    assert!(world.cluster.client().get(&good).await.unwrap().is_some(), "the others are restored");
    world.delete_namespace(NAMESPACE).await;
    world.remove(SERVER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_misbehaves_loses_nothing() {
    const SERVER: &str = "bad-store";
    const NAMESPACE: &str = "bad-bears";
    let Some(world) = world().await else { return };
    world.install_salvor(SERVER, SERVER).await;
    let proxy = Unreliable::start(world.cluster.subnet().host(), &world.s3.endpoint).await.unwrap();
    make_location(&world, SERVER, "shaky", SERVER, &json!({"config": {"s3Url": proxy.endpoint}})).await;
    location_is(&world, SERVER, "shaky", "Available", "").await;
    let moods =
        [(Mood::Answers(500), "SLV-3101"), (Mood::Answers(403), "SLV-3102"), (Mood::Stalls, "SLV-3101")];
    for (mood, code) in moods {
        proxy.set(mood);
        location_is(&world, SERVER, "shaky", "Unavailable", code).await;
        proxy.set(Mood::Passes);
        location_is(&world, SERVER, "shaky", "Available", "").await;
    }

    world.noise(NAMESPACE).await;
    proxy.set(Mood::BreaksAfter(1 << 20));
    let spec = json!({"storageLocation": "shaky", "includedNamespaces": [NAMESPACE]});
    world.request(SERVER, "Backup", "cut-off", spec).await.unwrap();
    until("no upload was broken off", PATIENCE, || async {
        Ok(if proxy.stopped() > 0 { Look::Done(()) } else { Look::NotYet("none yet".to_owned()) })
    })
    .await
    .unwrap();
    let marker = backups_folder(&world, SERVER).join("cut-off/velero-backup.json");
    assert!(!marker.exists(), "what is half there is nothing");
    proxy.set(Mood::Passes);
    let status = world.ended(SERVER, "backups", "cut-off").await;
    assert_eq!(status["phase"], "Completed", "{status}");
    assert!(marker.is_file());
    let spec = json!({"backupName": "cut-off", "namespaceMapping": {NAMESPACE: "bad-bears-again"}});
    assert_eq!(restore(&world, SERVER, "cut-off", spec).await["phase"], "Completed");
    for namespace in [NAMESPACE, "bad-bears-again"] {
        world.delete_namespace(namespace).await;
    }
    world.remove(SERVER).await;
}
