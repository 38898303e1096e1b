//! Hooks on a real Redis: what they did, Redis tells.

use std::collections::BTreeMap;

use cluster::port::Cluster as _;
use cluster::streams::{ExecRequest, PodRef};
use cluster::{Connect, Kube, Limits, user_agent};
use serde_json::{Value, json};
use testkit::images::REDIS;
use testkit::wait::{Look, until};

use super::{PATIENCE, outlives_its_server};
use crate::commands::Terminal;
use crate::leaders;
use crate::world::{World, world};

const OURS: &str = "e2e-hooks";
const APPLICATION: &str = "e2e-redis";

/// Brings Redis to rest: it takes no writes for ten minutes, unless somebody releases it.
const FREEZE: &str = "redis-cli rpush hooks frozen && redis-cli client pause 600000 write";
/// Releases Redis, and writes down whether it took writes until then.
const THAW: &str = "if timeout 1 redis-cli incr strays; then was=busy; else was=still; fi; \
                    redis-cli client unpause && redis-cli rpush hooks thawed-$was";
/// Shows in a restored Redis that its hook has run.
const WARM: &str = "redis-cli rpush hooks warmed";

#[tokio::test(flavor = "multi_thread")]
async fn redis_stands_still_during_its_backup_and_is_warmed_up_after_its_restore() {
    let Some(world) = world().await else { return };
    world.install_salvor(OURS, "hooks").await;
    let store = world.unreliable_store(OURS).await;
    leaders::scale(&world, OURS, 2).await;
    let kube = connect(&world).await;
    let since = make_redis(&world).await;

    // The server dies when the hooks have run, and another one goes on.
    let status = outlives_its_server(&world, &store, (OURS, "b"), spec()).await;
    assert_eq!(status["hookStatus"], json!({"hooksAttempted": 4, "hooksFailed": 0}));
    assert_eq!(redis(&kube, "redis-0", "lrange hooks 0 -1").await, ["frozen", "thawed-still"]);
    assert_eq!(
        redis(&kube, "redis-0", "exists strays").await,
        ["0"],
        "what was written at rest came through"
    );
    assert_eq!(redis(&kube, "plain", "get asked").await, ["by-spec"]);
    described_as_by_velero(&world);

    world.delete_namespace(APPLICATION).await;
    world.request(OURS, "Restore", "r", json!({"backupName": "b"})).await.unwrap();
    let status = world.ended(OURS, "restores", "r").await;
    assert_eq!(status["phase"], "Completed", "{status}");
    assert_eq!(status["hookStatus"], json!({"hooksAttempted": 1, "hooksFailed": 0}));
    assert_eq!(redis(&kube, "redis-0", "lrange hooks 0 -1").await, ["warmed"]);

    let ran = audited(&world, &since);
    for command in [FREEZE, THAW, WARM, "asked by-spec", "redis-cli save"] {
        let times: usize = ran.iter().filter(|(of, _)| of.contains(command)).map(|(_, times)| times).sum();
        assert_eq!(times, 1, "{command} in {ran:#?}");
    }
    world.delete_namespace(APPLICATION).await;
    world.remove(OURS).await;
}

async fn connect(world: &World) -> Kube {
    let connect = Connect {
        kubeconfig: Some(world.cluster.kubeconfig()),
        user_agent: user_agent("salvor-tests", "v0", "none"),
        limits: Limits::default(),
        ..Connect::default()
    };
    Kube::connect(&connect).await.unwrap()
}

/// A Redis whose pod asks for hooks, and one that the Backup asks for; when there was nothing of them yet.
async fn make_redis(world: &World) -> String {
    let client = world.cluster.client();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": APPLICATION}});
    let namespace = client.create("/api/v1/namespaces", &namespace).await.unwrap();
    let account = format!("/api/v1/namespaces/{APPLICATION}/serviceaccounts/default");
    until("there is no account", PATIENCE, || async {
        Ok(if client.get(&account).await?.is_some() { Look::Done(()) } else { Look::NotYet(String::new()) })
    })
    .await
    .unwrap();
    let shell = |command: &str| json!(["sh", "-c", command]).to_string();
    let annotations = json!({
        "pre.hook.backup.velero.io/command": shell(FREEZE),
        "post.hook.backup.velero.io/command": shell(THAW),
        "post.hook.restore.velero.io/command": shell(WARM),
        "post.hook.restore.velero.io/wait-for-ready": "true",
    });
    let container = json!({
        "name": "redis", "image": REDIS, "imagePullPolicy": "IfNotPresent", "command": ["redis-server", "--save", ""],
        "readinessProbe": {"exec": {"command": ["redis-cli", "ping"]}, "periodSeconds": 1},
    });
    let pod = |labels: Value, annotations: &Value| {
        json!({"metadata": {"labels": labels, "annotations": annotations},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}})
    };
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "redis"},
        "spec": {"replicas": 1, "serviceName": "redis", "selector": {"matchLabels": {"app": "redis"}},
            "template": pod(json!({"app": "redis"}), &annotations)},
    });
    client.create(&format!("/apis/apps/v1/namespaces/{APPLICATION}/statefulsets"), &set).await.unwrap();
    let mut plain = pod(json!({"app": "plain"}), &json!({}));
    plain["apiVersion"] = json!("v1");
    plain["kind"] = json!("Pod");
    plain["metadata"]["name"] = json!("plain");
    client.create(&format!("/api/v1/namespaces/{APPLICATION}/pods"), &plain).await.unwrap();
    for name in ["redis-0", "plain"] {
        let path = format!("/api/v1/namespaces/{APPLICATION}/pods/{name}");
        until(&format!("{name} is not ready"), PATIENCE, || async {
            let pod = client.get(&path).await?.unwrap_or_default();
            let ready = pod["status"]["containerStatuses"][0]["ready"] == true;
            Ok(if ready { Look::Done(()) } else { Look::NotYet(pod["status"].to_string()) })
        })
        .await
        .unwrap();
    }
    namespace["metadata"]["creationTimestamp"].as_str().unwrap().to_owned()
}

fn spec() -> Value {
    let exec =
        |command: &[&str]| json!({"exec": {"container": "redis", "command": command, "timeout": "20s"}});
    let entry = json!({
        "name": "plain", "includedResources": ["pods"], "labelSelector": {"matchLabels": {"app": "plain"}},
        "pre": [exec(&["redis-cli", "set", "asked", "by-spec"])], "post": [exec(&["redis-cli", "save"])],
    });
    json!({"includedNamespaces": [APPLICATION], "snapshotVolumes": false, "hooks": {"resources": [entry]}})
}

/// What a Redis answers, by lines.
async fn redis(kube: &Kube, pod: &str, question: &str) -> Vec<String> {
    let command = format!("redis-cli {question}").split(' ').map(str::to_owned).collect();
    let pod = PodRef { namespace: APPLICATION.into(), name: pod.into(), container: None };
    let result =
        kube.exec(&ExecRequest { pod, command, timeout: PATIENCE, output_max: 1 << 16 }).await.unwrap();
    assert!(result.succeeded(), "{result:?}");
    String::from_utf8_lossy(&result.stdout).lines().map(str::to_owned).collect()
}

/// The part of `backup describe` that tells hooks is the one of Velero.
fn described_as_by_velero(world: &World) {
    let terminal = Terminal { world, server: OURS };
    let describe = ["backup", "describe", "b"];
    let hooks = |text: &str| {
        let (_, rest) = text.split_once("\nHooks:").unwrap();
        let (hooks, rest) = rest.split_once("Backup Format Version").unwrap();
        let (_, counts) = rest.split_once("HooksAttempted").unwrap();
        let lines = hooks.lines().chain(counts.lines()).map(|line| line.trim_end().to_owned());
        // What a failure means is Fail where nobody says, and Velero shows nothing for that.
        lines.filter(|line| !line.trim().starts_with("On Error:")).collect::<Vec<_>>()
    };
    assert_eq!(hooks(&terminal.done(&describe)), hooks(&terminal.theirs(&describe).out));
}

/// The commands that the server ran in the application's pods, as the API server's audit log has them, and how often.
fn audited(world: &World, since: &str) -> BTreeMap<String, usize> {
    let log = std::fs::read_to_string(world.cluster.layout().audit_log()).unwrap();
    let mut requests: BTreeMap<String, String> = BTreeMap::new();
    for event in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let of = &event["objectRef"];
        let ours = event["user"]["username"].as_str().is_some_and(|name| name.contains(OURS));
        let late = event["requestReceivedTimestamp"].as_str().is_some_and(|time| time > since);
        if late && ours && of["subresource"] == "exec" && of["namespace"] == APPLICATION {
            let uri = event["requestURI"].as_str().unwrap();
            let words = url_words(uri).join(" ");
            // An event for each stage of a request.
            requests.insert(event["auditID"].to_string(), words);
        }
    }
    let mut times = BTreeMap::new();
    for words in requests.into_values() {
        *times.entry(words).or_default() += 1;
    }
    times
}

/// The words of the command in the address of an exec.
fn url_words(uri: &str) -> Vec<String> {
    let address = reqwest::Url::parse(&format!("http://cluster{uri}")).unwrap();
    let words = address.query_pairs().filter(|(key, _)| key == "command");
    words.map(|(_, word)| word.into_owned()).collect()
}
