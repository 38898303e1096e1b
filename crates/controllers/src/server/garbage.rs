//! Expired backups: asks for their deletion.

use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use api::labels::{BACKUP_NAME, BACKUP_UID};
use api::names::label_value;
use api::velero::v1::{
    AccessMode, Backup, BackupPhase, BackupStorageLocation, DeleteBackupRequest, LocationPhase,
};
use engine::preview::document_is_dry_run;
use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::deps::Deps;
use crate::error::{Result, read};
use crate::objects::{create, find, labelled, list, patch};
use crate::runtime::{Next, Spec, never};

/// Label on expired backups that cannot be deleted: why.
const FAILURE: &str = "velero.io/gc-failure";

/// The controller.
pub static SPEC: Spec<Deps> = Spec {
    name: "gc",
    watches: Backup::resource_type,
    concerns: is_expired,
    resync: |deps| deps.config.periods.garbage,
    stirs: never,
    workers: |_| 1,
    deadline: Duration::from_secs(60),
    reconcile: |deps, document| Box::pin(reconcile(deps, document)),
};

/// Dry runs have nothing in a bucket: the sweep takes them.
fn is_expired(document: &Value, now: Timestamp) -> bool {
    if document_is_dry_run(document) {
        return false;
    }
    let expiration = document["status"]["expiration"].as_str();
    expiration.and_then(|text| text.parse::<Timestamp>().ok()).is_some_and(|expiration| expiration <= now)
}

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let backup: Backup = read(&document)?;
    if backup.status.phase == BackupPhase::Deleting || backup.metadata.deletion_timestamp.is_some() {
        return Ok(Next::Wait);
    }
    let location = find::<BackupStorageLocation>(&deps, &backup.spec.storage_location).await?;
    let failure = obstacle(location.as_ref());
    label(&deps, &backup, failure).await?;
    match (failure, &location) {
        (Some(failure), _) => warn!(failure, "the backup has expired and cannot be deleted"),
        (None, Some(location)) if location.status.phase != Some(LocationPhase::Available) => {
            info!("the backup has expired; its location is unavailable now");
        }
        (None, _) => ask(&deps, &backup).await?,
    }
    Ok(Next::Wait)
}

/// Why the backup cannot be deleted until somebody does something; Velero's words.
fn obstacle(location: Option<&BackupStorageLocation>) -> Option<&'static str> {
    match location {
        None => Some("BSLNotFound"),
        Some(location) if location.spec.access_mode == AccessMode::ReadOnly => Some("BSLReadOnly"),
        Some(_) => None,
    }
}

async fn label(deps: &Deps, backup: &Backup, failure: Option<&str>) -> Result<()> {
    let labels = backup.metadata.labels.as_ref();
    if labels.and_then(|labels| labels.get(FAILURE)).map(String::as_str) != failure {
        patch::<Backup>(deps, backup.name(), json!({"metadata": {"labels": {FAILURE: failure}}})).await?;
    }
    Ok(())
}

/// Asks for the deletion, unless somebody has.
async fn ask(deps: &Deps, backup: &Backup) -> Result<()> {
    let selector = format!("{},{BACKUP_UID}={}", labelled(BACKUP_NAME, backup.name()), backup.uid());
    let requests = list::<DeleteBackupRequest>(deps, &selector).await?;
    if requests.iter().any(|request| !request.status.phase.is_terminal()) {
        return Ok(());
    }
    info!("the backup has expired; asking for its deletion");
    create::<DeleteBackupRequest>(deps, &request(deps, backup)).await?;
    Ok(())
}

fn request(deps: &Deps, backup: &Backup) -> Value {
    json!({
        "apiVersion": "velero.io/v1",
        "kind": DeleteBackupRequest::KIND,
        "metadata": {
            "generateName": format!("{}-", backup.name()),
            "namespace": deps.namespace(),
            "labels": {BACKUP_NAME: label_value(backup.name()), BACKUP_UID: backup.uid()},
        },
        "spec": {"backupName": backup.name()},
    })
}

#[cfg(test)]
mod tests;
