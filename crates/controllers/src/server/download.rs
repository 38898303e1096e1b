//! DownloadRequests: an address for one file of a backup or restore, good for ten minutes.
//!
//! Where the store can sign, the address is the store's. Where it cannot, it is a path of the server's own
//! Service that holds a token; the request itself is the record of that token, so that any replica can serve
//! it, and it ends with the request.

use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use api::labels::{DOWNLOAD_PORT, DOWNLOAD_SERVICE, FILE, FILE_PLAN};
use api::velero::v1::{Backup, BackupStorageLocation, DownloadRequest, DownloadRequestPhase, Restore};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::Store;
use store::bucket::{Download, JournalFile};
use tracing::warn;

use super::problems::NO_DOWNLOAD;
use crate::deps::Deps;
use crate::error::{Error, Result, read};
use crate::objects::{delete, find, patch_status, stamp};
use crate::operation::configmaps::ConfigMaps;
use crate::runtime::{Next, Spec, always, never};

/// How long an address is good.
const VALID: Duration = Duration::from_secs(600);
/// What the paths of our Service begin with; the request's name, the token and the file's name follow.
pub const PATH: &str = "downloads";

/// The controller.
pub static SPEC: Spec<Deps> = Spec {
    name: "download-request",
    watches: DownloadRequest::resource_type,
    concerns: always,
    resync: |_| Duration::from_secs(60),
    stirs: never,
    workers: |_| 4,
    deadline: Duration::from_secs(60),
    reconcile: |deps, document| Box::pin(reconcile(deps, document)),
};

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let request: DownloadRequest = read(&document)?;
    let now = deps.now();
    if request.status.phase.is_terminal() {
        let end = request.status.expiration.as_ref().map_or(now, |time| time.0);
        if now < end {
            return Ok(Next::at(end, now));
        }
        delete::<DownloadRequest>(&deps, request.name(), request.uid()).await?;
        return Ok(Next::Wait);
    }
    let expiration = stamp(now + VALID);
    let status = match address(&deps, &request).await {
        Ok(url) => {
            json!({"phase": DownloadRequestPhase::Processed, "downloadURL": url, "expiration": expiration})
        }
        Err(Error::Cluster(error)) if error.is_transient() => return Err(error.into()),
        Err(Error::Store(error)) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            warn!(code = NO_DOWNLOAD.id, "failed to {error}");
            let message = format!("failed to {error} ({})", NO_DOWNLOAD.id);
            json!({"phase": DownloadRequestPhase::Failed, "message": message, "expiration": expiration})
        }
    };
    patch_status::<DownloadRequest>(&deps, request.name(), status).await?;
    Ok(Next::After(VALID))
}

/// The address of the file that a request asks for.
async fn address(deps: &Deps, request: &DownloadRequest) -> Result<String> {
    let (place, key) = target(deps, request).await?;
    // What a dry run found, a command reads through the API server, wherever it runs.
    if let Place::Location(store) = place
        && !asks_for_plan(request)?
        && let Some(url) = store.presign(&key, VALID).await?
    {
        return Ok(url);
    }
    let token = format!("{}{}", deps.ids.uuid().simple(), deps.ids.uuid().simple());
    let file = key.rsplit('/').next().unwrap_or_default();
    let host = format!("{DOWNLOAD_SERVICE}.{}.svc:{DOWNLOAD_PORT}", deps.namespace());
    Ok(format!("https://{host}/{PATH}/{}/{token}/{file}", request.name()))
}

/// Where a file is.
enum Place {
    /// In a location.
    Location(Arc<dyn Store>),
    /// In the cluster: a restore from a location that may not be written to keeps its files there.
    Cluster(Bytes),
}

/// The place and key of the file that is meant.
async fn target(deps: &Deps, request: &DownloadRequest) -> Result<(Place, String)> {
    let target = &request.spec.target;
    let of_dry_run = asks_for_plan(request)?;
    let missing = |what: &str, name: &str| Error::Config(format!("find {what} {name:?}"));
    let download = Download::parse(target.kind.as_str())
        .ok_or_else(|| Error::Config(format!("know what a {} is", target.kind)))?;
    let (backup, restore) = match download {
        Download::Backup(_) => (target.name.clone(), None),
        Download::Restore(file) => {
            let restore = find::<Restore>(deps, &target.name).await?;
            let restore = restore.ok_or_else(|| missing("restore", &target.name))?;
            let name = if of_dry_run { JournalFile::DryRun.name() } else { file.name(restore.name()) };
            if let Some(content) = kept(deps, &restore, &name).await? {
                return Ok((Place::Cluster(content), format!("{}/{name}", target.name)));
            }
            (restore.spec.backup_name.clone(), Some(restore.uid().to_owned()))
        }
    };
    let backup = find::<Backup>(deps, &backup).await?.ok_or_else(|| missing("backup", &backup))?;
    let name = &backup.spec.storage_location;
    let location =
        find::<BackupStorageLocation>(deps, name).await?.ok_or_else(|| missing("location", name))?;
    let key = match of_dry_run {
        true => JournalFile::DryRun.key(restore.as_deref().unwrap_or(backup.uid())),
        false => download.key(&target.name),
    };
    Ok((Place::Location(deps.stores.open(&location).await?), key))
}

/// Whether a request is for what a dry run found, instead of for the file that its target names.
fn asks_for_plan(request: &DownloadRequest) -> Result<bool> {
    let annotations = request.metadata.annotations.as_ref();
    match annotations.and_then(|annotations| annotations.get(FILE)).map(String::as_str) {
        None => Ok(false),
        Some(FILE_PLAN) => Ok(true),
        Some(other) => Err(Error::Config(format!("know what a {other} is"))),
    }
}

/// A file of a restore that is kept in the cluster.
async fn kept(deps: &Deps, restore: &Restore, file: &str) -> Result<Option<Bytes>> {
    let maps = ConfigMaps::open(deps, restore.uid(), Value::Null).await?;
    Ok(maps.get(file))
}

/// A file that is served.
pub struct Served {
    /// Its size in bytes.
    pub size: u64,
    /// Its content.
    pub content: BoxStream<'static, store::Result<Bytes>>,
}

/// The file behind a path of our Service; `None` where the request, its token or the file is not there.
pub async fn serve(deps: &Deps, request: &str, token: &str) -> Result<Option<Served>> {
    let Some(request) = find::<DownloadRequest>(deps, request).await? else { return Ok(None) };
    let good = request.status.expiration.as_ref().is_some_and(|end| deps.now() < end.0);
    if !good || !is_token(&request.status.download_url, token) {
        return Ok(None);
    }
    let (store, key) = match target(deps, &request).await? {
        (Place::Location(store), key) => (store, key),
        (Place::Cluster(content), _) => {
            let size = content.len() as u64;
            return Ok(Some(Served { size, content: stream::iter([Ok(content)]).boxed() }));
        }
    };
    let size = match store.head(&key).await {
        Err(error) if error.kind == store::ErrorKind::NotFound => return Ok(None),
        meta => meta?.size,
    };
    Ok(Some(Served { size, content: store.stream(&key).await? }))
}

/// Whether a token is that of an address. Digests are compared, so that the time it takes tells nothing.
fn is_token(url: &str, token: &str) -> bool {
    let Some((_, path)) = url.split_once(&format!("/{PATH}/")) else { return false };
    let expected = path.split('/').nth(1).unwrap_or_default();
    !expected.is_empty() && Sha256::digest(expected) == Sha256::digest(token)
}

#[cfg(test)]
mod tests;
