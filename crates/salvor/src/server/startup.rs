//! What has to be so before the server works: checks that every replica makes, and what the leader puts right.

use anyhow::{Context, Result, bail};
use api::Kind;
use api::meta::ResourceType;
use api::velero::{v1, v2alpha1};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cluster::{Cluster, ErrorKind, ObjectRef};
use controllers::Deps;
use controllers::objects::{list, patch};
use serde_json::json;
use tracing::{info, warn};

/// The Secret with the password of all repositories.
const REPOSITORY_SECRET: &str = "velero-repo-credentials";
/// Its key.
const REPOSITORY_KEY: &str = "repository-password";
/// Velero's well-known password: whoever has the bucket can restore with it, which is what makes it the default.
const REPOSITORY_PASSWORD: &str = "static-passw0rd";

/// The kinds that the server works with.
fn kinds() -> [ResourceType; 13] {
    [
        v1::Backup::resource_type(),
        v1::BackupRepository::resource_type(),
        v1::BackupStorageLocation::resource_type(),
        v1::DeleteBackupRequest::resource_type(),
        v1::DownloadRequest::resource_type(),
        v1::PodVolumeBackup::resource_type(),
        v1::PodVolumeRestore::resource_type(),
        v1::Restore::resource_type(),
        v1::Schedule::resource_type(),
        v1::ServerStatusRequest::resource_type(),
        v1::VolumeSnapshotLocation::resource_type(),
        v2alpha1::DataDownload::resource_type(),
        v2alpha1::DataUpload::resource_type(),
    ]
}

/// Checks that the namespace is there and that every kind is served.
pub(super) async fn check(cluster: &dyn Cluster, namespace: &str) -> Result<()> {
    let resource = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
    let at = ObjectRef { resource, namespace: None, name: namespace.to_owned() };
    cluster.get(&at).await.context("find the server's namespace")?;
    let served = cluster.discover().await?.types;
    let is_served = |kind: &ResourceType| {
        served.iter().any(|of| (&of.group, &of.version, &of.kind) == (&kind.group, &kind.version, &kind.kind))
    };
    let missing: Vec<String> =
        kinds().iter().filter(|kind| !is_served(kind)).map(ResourceType::kind_key).collect();
    match missing.as_slice() {
        [] => Ok(()),
        missing => bail!(
            "find the kinds that this server works with: {} are not served. Install their definitions with \
             `velero install --crds-only`",
            missing.join(", ")
        ),
    }
}

/// Puts right what the leader needs: the Secret of the repositories, and a default location.
pub(super) async fn prepare(deps: &Deps) -> Result<()> {
    ensure_repository_secret(deps).await?;
    ensure_default_location(deps).await
}

async fn ensure_repository_secret(deps: &Deps) -> Result<()> {
    let resource = ResourceType::addressed("", "v1", "secrets", "Secret", true);
    let at = ObjectRef {
        resource,
        namespace: Some(deps.namespace().to_owned()),
        name: REPOSITORY_SECRET.to_owned(),
    };
    let known = STANDARD.encode(REPOSITORY_PASSWORD);
    let secret = match deps.cluster.get(&at).await {
        Err(error) if error.kind == ErrorKind::NotFound => {
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": REPOSITORY_SECRET, "namespace": deps.namespace(), "labels": {"component": "velero"}},
                "data": {REPOSITORY_KEY: known},
            });
            deps.cluster.create(&at, &secret, Default::default()).await?
        }
        secret => secret?,
    };
    if secret["data"][REPOSITORY_KEY] == known {
        warn!("the password of the repositories is the public default: keep others away from the bucket");
    }
    Ok(())
}

/// Where no location is the default, the one that the flag names becomes it.
async fn ensure_default_location(deps: &Deps) -> Result<()> {
    let all = list::<v1::BackupStorageLocation>(deps, "").await?;
    if all.iter().any(|location| location.spec.default) {
        return Ok(());
    }
    let name = &deps.config.default_location;
    if all.iter().any(|location| location.name() == name) {
        info!(location = name, "no location is the default; this one becomes it");
        patch::<v1::BackupStorageLocation>(deps, name, json!({"spec": {"default": true}})).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
