//! Files of backups and restores, fetched as Velero's clients do: a DownloadRequest names the file, the server
//! answers with an address, and that is followed.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use api::velero::v1::{DownloadRequest, DownloadTarget, DownloadTargetKind};
use api::{Kind, labels};
use bytes::Bytes;
use clap::Args;
use cluster::clock::Deadline;
use cluster::streams::{ServiceRef, Streams};
use cluster::typed;
use controllers::Ids;
use controllers::deps::RandomIds;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use store::backup_files::{Caps, gunzip};
use tokio::time::sleep;

use super::Session;

/// How often the request is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Said where the server does not answer, in Velero's words.
const NO_ANSWER: &str = "download request download url timeout, check velero server logs for errors. \
    backup storage location may not be available";

/// The flags of commands that download.
#[derive(Debug, Clone, Default, Args)]
pub struct DownloadFlags {
    /// Do not verify the certificate of the store
    #[arg(long)]
    pub insecure_skip_tls_verify: bool,
    /// A file of certificates to trust
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
}

/// The server or the store says that there is no such file.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("file not found")]
pub struct FileNotFound;

/// A file of a backup or restore.
pub type Target<'a> = (DownloadTargetKind, &'a str);

/// A file as a stream, as it lies in the bucket.
pub async fn open(
    session: &Session,
    flags: &DownloadFlags,
    target: Target<'_>,
    timeout: Duration,
) -> anyhow::Result<BoxStream<'static, anyhow::Result<Bytes>>> {
    fetch(session, flags, &request(session, target), timeout).await
}

async fn fetch(
    session: &Session,
    flags: &DownloadFlags,
    request: &DownloadRequest,
    timeout: Duration,
) -> anyhow::Result<BoxStream<'static, anyhow::Result<Bytes>>> {
    let address = address(session, request, timeout).await?;
    match own_path(session, &address) {
        Some((service, path)) => {
            match session.cluster.service_get(&service, &path).await {
                // With a `Status` the API server says that there is no such Service.
                Err(error) if error.is_not_found() && error.status.is_none() => bail!(FileNotFound),
                stream => Ok(stream?.map_err(anyhow::Error::from).boxed()),
            }
        }
        None => follow(session, flags, &address).await,
    }
}

/// A whole file, unpacked.
pub async fn text(
    session: &Session,
    flags: &DownloadFlags,
    target: Target<'_>,
    timeout: Duration,
) -> anyhow::Result<Vec<u8>> {
    unpacked(session, flags, &request(session, target), timeout).await
}

/// What a dry run found, unpacked. The kind of the target only says whether it is of a backup or of a restore.
pub async fn report(session: &Session, target: Target<'_>, timeout: Duration) -> anyhow::Result<Vec<u8>> {
    let mut request = request(session, target);
    let file = (labels::FILE.to_owned(), labels::FILE_PLAN.to_owned());
    request.metadata.annotations = Some([file].into());
    let report = unpacked(session, &DownloadFlags::default(), &request, timeout).await;
    // A dry run leaves nothing behind. Who may not delete the request leaves it to the server, which does so in minutes.
    let _gone = typed::delete::<DownloadRequest>(&session.cluster, &session.namespace, request.name()).await;
    report
}

async fn unpacked(
    session: &Session,
    flags: &DownloadFlags,
    request: &DownloadRequest,
    timeout: Duration,
) -> anyhow::Result<Vec<u8>> {
    let read = async {
        let mut packed = Vec::new();
        let mut pieces = fetch(session, flags, request, timeout).await?;
        while let Some(piece) = pieces.try_next().await? {
            packed.extend_from_slice(&piece);
            if packed.len() as u64 > Caps::SIDE_FILE.packed_max {
                bail!("the file is larger than any true one");
            }
        }
        Ok(gunzip(&packed, Caps::SIDE_FILE)?)
    };
    tokio::time::timeout(timeout, read).await.map_err(|_| anyhow!(NO_ANSWER))?
}

fn request(session: &Session, (kind, name): Target<'_>) -> DownloadRequest {
    let mut request = DownloadRequest::new(&session.namespace, &format!("{name}-{}", RandomIds.uuid()));
    request.spec.target = DownloadTarget { kind, name: name.to_owned() };
    request
}

/// Asks the server for the address of a file.
async fn address(session: &Session, request: &DownloadRequest, timeout: Duration) -> anyhow::Result<String> {
    typed::create(&session.cluster, request).await?;
    let deadline = Deadline::after(timeout);
    while !deadline.has_passed() {
        let answer: DownloadRequest =
            typed::get(&session.cluster, &session.namespace, request.name()).await?;
        if !answer.status.download_url.is_empty() {
            return Ok(answer.status.download_url);
        }
        if !answer.status.message.is_empty() {
            bail!(answer.status.message);
        }
        sleep(LOOK_EVERY).await;
    }
    bail!(NO_ANSWER)
}

/// The Service and path of an address that is the server's own: it is reached through the API server.
fn own_path(session: &Session, address: &str) -> Option<(ServiceRef, String)> {
    let own = format!("https://{}.{}.svc", api::labels::DOWNLOAD_SERVICE, session.namespace);
    let (_port, path) = address.strip_prefix(&own)?.split_once('/')?;
    let service = ServiceRef {
        namespace: session.namespace.clone(),
        name: api::labels::DOWNLOAD_SERVICE.to_owned(),
        port: api::labels::DOWNLOAD_PORT_NAME.to_owned(),
        tls: true,
    };
    Some((service, path.to_owned()))
}

async fn follow(
    session: &Session,
    flags: &DownloadFlags,
    address: &str,
) -> anyhow::Result<BoxStream<'static, anyhow::Result<Bytes>>> {
    let mut client = reqwest::Client::builder().danger_accept_invalid_certs(flags.insecure_skip_tls_verify);
    if let Some(file) = flags.cacert.as_ref().or(session.cacert.as_ref()) {
        let bundle = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        for certificate in reqwest::Certificate::from_pem_bundle(&bundle)? {
            client = client.add_root_certificate(certificate);
        }
    }
    let answer = client.build()?.get(address).send().await.map_err(hinted)?;
    match answer.status() {
        status if status.is_success() => Ok(answer.bytes_stream().map_err(anyhow::Error::from).boxed()),
        reqwest::StatusCode::NOT_FOUND => bail!(FileNotFound),
        _ => bail!("request failed: {}", answer.text().await.unwrap_or_default()),
    }
}

/// Certificates that are not trusted are the most common failure: says what to do.
fn hinted(error: reqwest::Error) -> anyhow::Error {
    let text = format!("{:#}", anyhow!(error));
    let untrusted = text.to_lowercase().contains("certificate");
    let hint = "\n\nThe --insecure-skip-tls-verify flag can also be used to accept any TLS certificate for the download.";
    anyhow!("{text}{}", if untrusted { hint } else { "" })
}
