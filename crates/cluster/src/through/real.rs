//! Commands, logs and the service proxy on a real node: `SALVOR_TEST_KUBECONFIG` names its cluster.

use std::sync::Arc;
use std::time::Duration;

use api::meta::ResourceType;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use crate::conditions;
use crate::port::{Cluster, ErrorKind, ObjectRef, Result, WriteOptions};
use crate::streams::{ExecEnd, ExecRequest, ExecResult, LogOptions, PodRef, ServiceRef, Streams};
use crate::wait::until;
use crate::{Connect, Kube, user_agent};

/// An image with a shell and httpd, present on the test cluster's node.
const IMAGE: &str = "local/busybox:1";
const STARTED: Duration = Duration::from_secs(120);

struct Bench {
    kube: Kube,
    namespace: String,
}

impl Bench {
    /// None where there is no cluster with a node.
    async fn start() -> Option<Self> {
        let kubeconfig = std::env::var_os("SALVOR_TEST_KUBECONFIG")?;
        if std::env::var_os("SALVOR_TEST_BARE").is_some() {
            return None;
        }
        let connect = Connect {
            kubeconfig: Some(kubeconfig.into()),
            user_agent: user_agent("salvor-tests", "v0", "none"),
            ..Connect::default()
        };
        let kube = Kube::connect(&connect).await.unwrap();
        let at = at("namespaces", "Namespace", None, "");
        let document =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "streams-"}});
        let made = kube.create(&at, &document, WriteOptions::default()).await.unwrap();
        Some(Self { kube, namespace: made["metadata"]["name"].as_str().unwrap().to_owned() })
    }

    async fn create(&self, plural: &str, kind: &str, name: &str, spec: Value) -> ObjectRef {
        let at = at(plural, kind, Some(&self.namespace), name);
        let document = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": {"app": "web"}}, "spec": spec});
        self.kube.create(&at, &document, WriteOptions::default()).await.unwrap();
        at
    }

    async fn exec(&self, script: &str, timeout: Duration) -> Result<ExecResult> {
        let command = ["sh", "-c", script].map(String::from).to_vec();
        self.kube.exec(&ExecRequest { pod: self.pod(), command, timeout, output_max: 1 << 20 }).await
    }

    fn pod(&self) -> PodRef {
        PodRef { namespace: self.namespace.clone(), name: "web".into(), container: None }
    }
}

fn at(plural: &str, kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
    let resource = ResourceType::addressed("", "v1", plural, kind, namespace.is_some());
    ObjectRef { resource, namespace: namespace.map(str::to_owned), name: name.into() }
}

async fn collected(bytes: futures::stream::BoxStream<'static, Result<Bytes>>) -> Vec<u8> {
    bytes.try_collect::<Vec<Bytes>>().await.unwrap().concat()
}

#[tokio::test]
async fn pods_and_services_are_reached_through_a_real_server() {
    let Some(bench) = Bench::start().await else {
        println!("skipped: SALVOR_TEST_KUBECONFIG names no cluster with a node");
        return;
    };
    let bench = Arc::new(bench);
    let accounts = at("serviceaccounts", "ServiceAccount", Some(&bench.namespace), "default");
    until(&bench.kube, &accounts, STARTED, conditions::exists).await.unwrap();
    let script = "echo begun; mkdir /tmp/www; head -c 3000000 /dev/zero >/tmp/www/big; exec httpd -f -p 8080 -h /tmp/www";
    let container = json!({"name": "web", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", script],
        "readinessProbe": {"httpGet": {"path": "/big", "port": 8080}, "periodSeconds": 1}});
    let spec = json!({"containers": [container], "terminationGracePeriodSeconds": 0});
    let pod = bench.create("pods", "Pod", "web", spec).await;
    let ports =
        json!({"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]});
    bench.create("services", "Service", "web", ports).await;
    until(&bench.kube, &pod, STARTED, conditions::has("Ready")).await.unwrap();
    until(&bench.kube, &at("endpoints", "Endpoints", Some(&bench.namespace), "web"), STARTED, |object| {
        let ready = object.is_some_and(|object| object["subsets"][0]["addresses"].is_array());
        crate::wait::Verdict::when(ready, || "no address is ready".into())
    })
    .await
    .unwrap();

    commands_end_as_they_end(&bench).await;
    logs_are_read_and_followed(&bench).await;
    downloads_come_whole(&bench).await;
    let namespace = at("namespaces", "Namespace", None, &bench.namespace);
    bench.kube.delete(&namespace, None).await.unwrap();
}

async fn commands_end_as_they_end(bench: &Bench) {
    let ample = Duration::from_secs(60);
    let result = bench.exec("echo out; echo err >&2; exit 7", ample).await.unwrap();
    assert_eq!(
        (result.end, &result.stdout[..], &result.stderr[..]),
        (ExecEnd::Exited(7), &b"out\n"[..], &b"err\n"[..])
    );
    let result = bench.exec("true", ample).await.unwrap();
    assert!(result.succeeded() && !result.truncated);
    let result = bench.exec("head -c 2000000 /dev/zero", ample).await.unwrap();
    assert_eq!((result.end, result.stdout.len(), result.truncated), (ExecEnd::Exited(0), 1 << 20, true));
    let result = bench.exec("echo first; sleep 600", Duration::from_secs(2)).await.unwrap();
    assert_eq!((result.end, &result.stdout[..]), (ExecEnd::TimedOut, &b"first\n"[..]));
    let none = ExecRequest {
        pod: PodRef { name: "missing".into(), ..bench.pod() },
        command: vec!["true".into()],
        timeout: ample,
        output_max: 1,
    };
    assert_eq!(bench.kube.exec(&none).await.unwrap_err().kind, ErrorKind::NotFound);
    let missing = ExecRequest { pod: bench.pod(), command: vec!["/no/such/program".into()], ..none };
    let error = bench.kube.exec(&missing).await.unwrap_err();
    assert!(error.kind == ErrorKind::Other && error.message.contains("no such file"), "{error}");
}

async fn logs_are_read_and_followed(bench: &Bench) {
    let whole = bench.kube.logs(&bench.pod(), &LogOptions::default()).await.unwrap();
    assert_eq!(collected(whole).await, b"begun\n");
    let follow = LogOptions { follow: true, tail: Some(1), ..LogOptions::default() };
    let mut lines = bench.kube.logs(&bench.pod(), &follow).await.unwrap();
    assert_eq!(&lines.next().await.unwrap().unwrap()[..], b"begun\n");
    let other = PodRef { container: Some("none".into()), ..bench.pod() };
    let refused = bench.kube.logs(&other, &LogOptions::default()).await;
    assert_eq!(refused.err().unwrap().kind, ErrorKind::Invalid);
}

async fn downloads_come_whole(bench: &Bench) {
    let service = ServiceRef {
        namespace: bench.namespace.clone(),
        name: "web".into(),
        port: "http".into(),
        tls: false,
    };
    let big = bench.kube.service_get(&service, "/big?token=x").await.unwrap();
    assert_eq!(collected(big).await.len(), 3_000_000);
    assert_eq!(bench.kube.service_get(&service, "/none").await.err().unwrap().kind, ErrorKind::NotFound);
}
