//! `cargo xtask bench memory`: a server whose pod may use 128 MiB backs up and restores more than a gigabyte of objects. In
//! the same run a pod that takes more than it may is killed, so that the limit is one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use testkit::cluster::Cluster;
use testkit::images::BUSYBOX;
use testkit::objects::create_at_once;
use testkit::progress::Progress;
use testkit::s3::S3;
use testkit::salvor_image;
use testkit::wait::{Look, until};

use super::contender::Contender;
use super::figures::{Figures, Row};
use super::load;
use super::objects::{CLUSTER, CREATES, lose};

/// What the server's pod may use.
const LIMIT: &str = "128Mi";
/// The same, in MiB.
const LIMIT_MIB: f64 = 128.0;
/// Documents that are made at once: they are many, and some have 40 kB.
const BATCH: usize = 2000;
/// How long a pod may take to be killed.
const PATIENCE: Duration = Duration::from_secs(180);

/// How much is backed up.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many objects.
    #[arg(long, default_value_t = 66_000)]
    objects: usize,
    /// Characters of text in each of them, in each of two places where a kind has two.
    #[arg(long, default_value_t = 12_500)]
    text: usize,
}

/// Runs the bench.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let progress = Progress::shown();
    let cluster = Cluster::up(CLUSTER, progress).await?;
    let outcome = measure(&cluster, options, progress).await;
    Cluster::down(CLUSTER, Progress::quiet()).await?;
    let figures = outcome?;
    println!("\n{figures}");
    println!("These figures are in {}.", figures.write("memory")?.display());
    Ok(())
}

async fn measure(cluster: &Cluster, options: &Options, progress: Progress) -> Result<Figures> {
    let s3 = S3::start(cluster, progress).await?;
    let image = salvor_image::build(true, progress)?;
    progress.block("loading salvor", || cluster.load(&[salvor_image::local(&image)]))?;
    progress.step("a pod that takes too much is killed", glutton(cluster)).await?;
    let server = Contender::Salvor;
    progress.step("salvor", server.install(cluster, &s3)).await?;
    server.limit_memory(cluster, LIMIT).await?;
    let start = Instant::now();
    let bytes = fill(cluster, options).await?;
    let megabytes = bytes as f64 / 1e6;
    progress.note("objects", format_args!("{megabytes:.0} MB, {:.0} s", start.elapsed().as_secs_f64()));
    let pod = server.start(cluster).await?;
    let spec = json!({"includedNamespaces": load::namespaces(), "storageLocation": "default",
        "snapshotVolumes": false});
    let backup = server.run(cluster, &pod, "Backup", "large", spec).await?;
    progress.note("backup", format_args!("{:.1} s", backup.seconds));
    lose(cluster).await?;
    let restore = server.run(cluster, &pod, "Restore", "large", json!({"backupName": "large"})).await?;
    progress.note("restore", format_args!("{:.1} s", restore.seconds));
    let restarts = server.restarts(cluster).await?;
    ensure!(restarts == 0, "the server was killed {restarts} times");
    let row = |work: &str, memory| {
        let words = format!("memory: {work} of {} objects, {megabytes:.0} MB, a limit", options.objects);
        Row::new(words, "MiB", memory, LIMIT_MIB).at_most(1.0)
    };
    Ok(Figures(vec![row("backup", backup.usage.memory), row("restore", restore.usage.memory)]))
}

/// Makes the objects; their bytes, as JSON.
async fn fill(cluster: &Cluster, options: &Options) -> Result<usize> {
    create_at_once(cluster.client(), &load::namespace_documents(), CREATES).await?;
    let (mut bytes, mut from) = (0, 0);
    while from < options.objects {
        let to = options.objects.min(from + BATCH);
        let documents = load::documents(from..to, options.text);
        bytes += documents.iter().map(|document| document.to_string().len()).sum::<usize>();
        create_at_once(cluster.client(), &documents, CREATES).await?;
        from = to;
    }
    Ok(bytes)
}

/// Runs a pod that takes more memory than it may, and waits until it was killed for that.
async fn glutton(cluster: &Cluster) -> Result<()> {
    let pods = "/api/v1/namespaces/default/pods";
    let container = json!({"name": "glutton", "image": BUSYBOX, "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", "head -c 300m /dev/zero | tail -c 300m > /dev/null"],
        "resources": {"limits": {"memory": LIMIT}}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "glutton"},
        "spec": {"restartPolicy": "Never", "containers": [container]}});
    cluster.client().create(pods, &pod).await?;
    until("the pod that takes too much was not killed", PATIENCE, || async {
        let found =
            cluster.client().get(&format!("{pods}/glutton")).await?.context("failed to find the pod")?;
        Ok(match reason(&found) {
            Some("OOMKilled") => Look::Done(()),
            Some(other) => anyhow::bail!("the pod that takes too much ended as {other}"),
            None => Look::NotYet(found["status"]["phase"].to_string()),
        })
    })
    .await
}

fn reason(pod: &Value) -> Option<&str> {
    pod["status"]["containerStatuses"][0]["state"]["terminated"]["reason"].as_str()
}
