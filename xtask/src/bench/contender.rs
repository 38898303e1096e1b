//! A server in the bench: installed once, there only while it is measured.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::cluster::Cluster;
use testkit::command::run_command;
use testkit::s3::{REGION, S3};
use testkit::wait::{Look, until};
use testkit::{salvor_image, velero};

use super::usage::{self, Usage};

/// How long an operation, or what is before it, may take.
const PATIENCE: Duration = Duration::from_secs(3600);
/// What Velero's pod may use: with the 512 MiB that it is installed with, it is killed in a restore of 31,000 objects.
const ROOM: &str = "4Gi";
/// The bucket of the bench.
const BUCKET: &str = "bench";

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    /// Ours, as it is installed.
    Salvor,
    /// Velero, as it is installed.
    Velero,
    /// Velero with more requests at once and more workers.
    Tuned,
}

/// What one operation took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) seconds: f64,
    pub(crate) usage: Usage,
}

impl Contender {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Salvor, Self::Velero, Self::Tuned];

    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Salvor => "salvor",
            Self::Velero => "velero",
            Self::Tuned => "velero tuned",
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::Salvor => "bench-salvor",
            Self::Velero => "bench-velero",
            Self::Tuned => "bench-tuned",
        }
    }

    /// Installs it, and lets it wait.
    pub(crate) async fn install(self, cluster: &Cluster, s3: &S3) -> Result<()> {
        let namespace = self.namespace();
        match self {
            Self::Salvor => install_salvor(cluster, s3, namespace)?,
            Self::Velero | Self::Tuned => velero::install(cluster, namespace, s3, BUCKET, namespace)?,
        }
        if self != Self::Salvor {
            self.limit_memory(cluster, ROOM).await?;
        }
        if self == Self::Tuned {
            let path = self.deployment();
            let mut found =
                cluster.client().get(&path).await?.context("failed to find velero's Deployment")?;
            let mut containers = found["spec"]["template"]["spec"]["containers"].take();
            let tuned = ["--client-qps=500", "--client-burst=1000", "--item-block-worker-count=4"];
            let arguments =
                containers[0]["args"].as_array_mut().context("failed to find velero's arguments")?;
            arguments.extend(tuned.map(Value::from));
            let change = json!({"spec": {"template": {"spec": {"containers": containers}}}});
            cluster.client().merge(&path, &change).await?;
        }
        self.stop(cluster).await
    }

    /// Limits the memory of its pod.
    pub(crate) async fn limit_memory(self, cluster: &Cluster, limit: &str) -> Result<()> {
        let container = json!({"name": "velero", "resources": {"limits": {"memory": limit}, "requests": {"memory": limit}}});
        let path = format!("{}?fieldManager=bench", self.deployment());
        cluster
            .client()
            .strategic(&path, &json!({"spec": {"template": {"spec": {"containers": [container]}}}}))
            .await
            .map(drop)
    }

    /// How often its containers were started again.
    pub(crate) async fn restarts(self, cluster: &Cluster) -> Result<u64> {
        let pods = cluster.client().list(&format!("/api/v1/namespaces/{}/pods", self.namespace())).await?;
        let of =
            |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"].as_u64().unwrap_or_default();
        Ok(pods.iter().map(of).sum())
    }

    /// Starts its pod, and waits until it can work; the pod's UID.
    pub(crate) async fn start(self, cluster: &Cluster) -> Result<String> {
        self.scale(cluster, 1).await?;
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace());
        let uid = until("the server's pod is not ready", PATIENCE, || async {
            let pods = cluster.client().list(&pods).await?;
            let ready = pods.iter().find(|pod| condition(pod, "Ready"));
            Ok(match ready.and_then(|pod| pod["metadata"]["uid"].as_str()) {
                Some(uid) if pods.len() == 1 => Look::Done(uid.to_owned()),
                _ => Look::NotYet(format!("{} pods", pods.len())),
            })
        })
        .await?;
        // It works once it has looked at its location.
        let location = format!("{}/backupstoragelocations/default", self.path());
        let began = now();
        cluster.client().merge(&location, &json!({"spec": {"validationFrequency": "1s"}})).await?;
        until("the location was not looked at", PATIENCE, || async {
            let status = cluster.client().get(&location).await?.unwrap_or_default()["status"].take();
            let looked = status["lastValidationTime"].as_str().is_some_and(|time| time > began.as_str());
            let done = looked && status["phase"] == "Available";
            Ok(if done { Look::Done(()) } else { Look::NotYet(status.to_string()) })
        })
        .await?;
        cluster.client().merge(&location, &json!({"spec": {"validationFrequency": "1h"}})).await?;
        Ok(uid)
    }

    /// Ends its pod.
    pub(crate) async fn stop(self, cluster: &Cluster) -> Result<()> {
        self.scale(cluster, 0).await?;
        let pods = format!("/api/v1/namespaces/{}/pods", self.namespace());
        until("the server's pod is not gone", PATIENCE, || async {
            let left = cluster.client().list(&pods).await?.len();
            Ok(if left == 0 { Look::Done(()) } else { Look::NotYet(format!("{left} pods")) })
        })
        .await
    }

    /// Makes a Backup or a Restore, and waits until it is complete.
    pub(crate) async fn run(
        self,
        cluster: &Cluster,
        pod: &str,
        kind: &str,
        name: &str,
        spec: Value,
    ) -> Result<Took> {
        let plural = format!("{}/{}s", self.path(), kind.to_lowercase());
        let document = json!({"apiVersion": "velero.io/v1", "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace()}, "spec": spec});
        usage::forget_peak(pod);
        let before = usage::of_pod(pod);
        let start = Instant::now();
        cluster.client().create(&plural, &document).await?;
        let path = format!("{plural}/{name}");
        let status = until(&format!("{kind} {name} has not ended"), PATIENCE, || async {
            let status = cluster.client().get(&path).await?.unwrap_or_default()["status"].take();
            let ended = ["Completed", "PartiallyFailed", "Failed", "FailedValidation"]
                .iter()
                .any(|end| status["phase"] == *end);
            Ok(if ended { Look::Done(status) } else { Look::NotYet(status.to_string()) })
        })
        .await?;
        let seconds = start.elapsed().as_secs_f64();
        ensure!(status["phase"] == "Completed", "{} {kind} {name}: {status}", self.name());
        let after = usage::of_pod(pod);
        Ok(Took { seconds, usage: Usage { cpu: after.cpu - before.cpu, ..after } })
    }

    async fn scale(self, cluster: &Cluster, replicas: u32) -> Result<()> {
        let change = json!({"spec": {"replicas": replicas}});
        cluster.client().merge(&self.deployment(), &change).await.map(drop)
    }

    fn deployment(self) -> String {
        format!("/apis/apps/v1/namespaces/{}/deployments/velero", self.namespace())
    }

    fn path(self) -> String {
        format!("/apis/velero.io/v1/namespaces/{}", self.namespace())
    }
}

fn install_salvor(cluster: &Cluster, s3: &S3, namespace: &str) -> Result<()> {
    s3.make_bucket(BUCKET)?;
    let credentials = cluster.layout().write_config("bench-salvor", s3.credentials_file())?;
    let mut command = Command::new(salvor_image::program());
    command.env("KUBECONFIG", cluster.kubeconfig()).args(["install", "--namespace", namespace]);
    command.args([
        "--image",
        salvor_image::LOCAL,
        "--provider",
        "aws",
        "--use-volume-snapshots=false",
        "--wait",
    ]);
    command.args(["--bucket", BUCKET, "--prefix", namespace]).arg("--secret-file").arg(credentials);
    command.arg("--backup-location-config");
    command.arg(format!("region={REGION},s3ForcePathStyle=true,s3Url={}", s3.endpoint));
    run_command(&mut command).context("failed to install salvor").map(drop)
}

fn condition(pod: &Value, name: &str) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == name && one["status"] == "True"))
}

/// The time, as statuses have it.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
