//! The backup and the restore.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};
use testkit::client::Client;
use testkit::fixture::NAMESPACES;
use testkit::objects::items;
use testkit::progress::Progress;
use testkit::wait::{Look, until};

use super::Place;
use super::install::{NAMESPACE, salvor};

/// How long an operation may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the server may take to delete backups and restores.
const DELETION: Duration = Duration::from_secs(120);

/// How an operation ended.
pub(crate) struct Outcome {
    /// Such as `backup demo-1`.
    pub(crate) what: String,
    /// Its last phase.
    pub(crate) phase: String,
    /// How many objects it went through.
    pub(crate) objects: u64,
    /// Its warnings and errors.
    pub(crate) problems: (u64, u64),
    /// How long it took.
    pub(crate) time: Duration,
}

/// Backs the application up.
pub(crate) async fn back_up(client: &Client, name: &str, progress: Progress) -> Result<Outcome> {
    let spec =
        json!({"includedNamespaces": NAMESPACES, "storageLocation": "default", "snapshotVolumes": false});
    run(client, ("Backup", "backups"), name, &spec, progress).await
}

/// Restores the application.
pub(crate) async fn restore(client: &Client, name: &str, progress: Progress) -> Result<Outcome> {
    run(client, ("Restore", "restores"), name, &json!({"backupName": name}), progress).await
}

async fn run(
    client: &Client,
    kind: (&str, &str),
    name: &str,
    spec: &Value,
    progress: Progress,
) -> Result<Outcome> {
    let (start, (kind, plural)) = (Instant::now(), kind);
    let path = path(plural);
    let document = json!({"apiVersion": "velero.io/v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE},
                          "spec": spec});
    client.create(&path, &document).await?;
    let what = format!("{} {name}", kind.to_lowercase());
    let status = progress.step(&what, ended(client, &what, &format!("{path}/{name}"))).await?;
    let number = |field: &str| status[field].as_u64().unwrap_or(0);
    let items = if kind == "Backup" { "itemsBackedUp" } else { "itemsRestored" };
    Ok(Outcome {
        phase: status["phase"].as_str().unwrap_or_default().to_owned(),
        objects: status["progress"][items].as_u64().unwrap_or(0),
        problems: (number("warnings"), number("errors")),
        time: start.elapsed(),
        what,
    })
}

/// Waits for the last phase; only a complete operation lets the demo go on.
async fn ended(client: &Client, what: &str, path: &str) -> Result<Value> {
    until(&format!("{what} does not end"), PATIENCE, || async {
        let status = client.get(path).await?.unwrap_or_default()["status"].take();
        match status["phase"].as_str().unwrap_or("New") {
            "Completed" => Ok(Look::Done(status)),
            phase if phase.contains("Failed") => bail!("{what} ended as {phase}: {status}"),
            phase => Ok(Look::NotYet(phase.to_owned())),
        }
    })
    .await
}

/// Deletes every restore and backup in the demo's namespace, with what the server stored for them.
pub(crate) async fn remove_all(place: &Place, progress: Progress) -> Result<()> {
    let client = &place.client;
    let [restores, backups] = ["restores", "backups"].map(path);
    for name in names(client, &restores).await? {
        client.delete(&format!("{restores}/{name}")).await?;
    }
    if !names(client, &backups).await?.is_empty() {
        salvor(place, &["backup", "delete", "--all", "--confirm"])?;
    }
    let gone = until("backups and restores do not go", DELETION, || async {
        let left = [names(client, &restores).await?, names(client, &backups).await?].concat();
        Ok(if left.is_empty() { Look::Done(()) } else { Look::NotYet(left.join(", ")) })
    });
    progress.step("backups and restores deleted", gone).await
}

/// The names of the objects at a path; none where the cluster does not know their kind.
async fn names(client: &Client, path: &str) -> Result<Vec<String>> {
    let list = client.get(path).await?.unwrap_or_default();
    Ok(items(&list["items"])
        .iter()
        .filter_map(|one| one["metadata"]["name"].as_str().map(str::to_owned))
        .collect())
}

/// Where the demo's objects of a kind are.
fn path(plural: &str) -> String {
    format!("/apis/velero.io/v1/namespaces/{NAMESPACE}/{plural}")
}
