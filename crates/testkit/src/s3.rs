//! An S3 server that the host and the pods of a cluster reach at one address.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::cluster::Cluster;
use crate::layout::Layout;
use crate::pki::Authority;
use crate::process::{Process, detached, start};
use crate::progress::Progress;
use crate::tools;
use crate::wait::{Look, until};

/// The environment variable that tells tests where the server is.
pub const VARIABLE: &str = "SALVOR_TEST_S3";
/// The region that it says it is in.
pub const REGION: &str = "us-east-1";
/// Its port without TLS.
const PORT: u16 = 7070;
/// Its port with TLS.
const TLS_PORT: u16 = 7443;

/// Where an S3 server is, and who may use it. The credentials are those of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// Such as `http://10.89.0.2:7070`.
    pub endpoint: String,
    /// The access key.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
    /// Where its buckets are folders; empty when it is somebody else's.
    pub folder: PathBuf,
    /// The authority to trust, as PEM, where it speaks TLS.
    pub authority: Option<String>,
}

impl S3 {
    /// Starts one beside a cluster; one that runs already stays.
    pub async fn start(cluster: &Cluster, progress: Progress) -> Result<Self> {
        serve(cluster, "s3", PORT, None, progress).await
    }

    /// Starts one that speaks TLS, with a certificate that nobody trusts but who is told to.
    pub async fn start_with_tls(cluster: &Cluster, progress: Progress) -> Result<Self> {
        let host = cluster.subnet().host().to_string();
        let folder = cluster.layout().pki();
        let known = fs::read_to_string(folder.join("s3-ca.crt")).ok();
        if let Some(authority) = known.filter(|_| running(cluster.layout(), "s3-tls")) {
            return serve(cluster, "s3-tls", TLS_PORT, Some(authority), progress).await;
        }
        let authority = Authority::new("salvor-local-s3")?;
        authority.server(&host, &[&host, "localhost"])?.write(&folder, "s3")?;
        fs::write(folder.join("s3-ca.crt"), authority.certificate())
            .context("failed to write the authority")?;
        serve(cluster, "s3-tls", TLS_PORT, Some(authority.certificate()), progress).await
    }

    /// The server that the environment names, as `http://ACCESS:SECRET@HOST:PORT`.
    pub fn from_environment() -> Option<Self> {
        Self::from_url(&env::var(VARIABLE).ok()?)
    }

    /// The server that a URL names.
    pub fn from_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (keys, host) = rest.trim_end_matches('/').rsplit_once('@')?;
        let (access, secret) = keys.split_once(':')?;
        Some(Self {
            endpoint: format!("{scheme}://{host}"),
            access_key: access.to_owned(),
            secret_key: secret.to_owned(),
            folder: PathBuf::new(),
            authority: None,
        })
    }

    /// What [`S3::from_url`] reads.
    pub fn to_url(&self) -> String {
        let keys = format!("://{}:{}@", self.access_key, self.secret_key);
        self.endpoint.replacen("://", &keys, 1)
    }

    /// Makes a bucket, if it is not there.
    pub fn make_bucket(&self, name: &str) -> Result<()> {
        ensure!(
            !self.folder.as_os_str().is_empty(),
            "buckets can be made only on a server that was started here"
        );
        fs::create_dir_all(self.folder.join(name))
            .with_context(|| format!("failed to make the bucket {name}"))
    }

    /// The content of a credentials file, as Velero's Secret holds it.
    pub fn credentials_file(&self) -> String {
        format!(
            "[default]\naws_access_key_id={}\naws_secret_access_key={}\n",
            self.access_key, self.secret_key
        )
    }
}

fn running(layout: &Layout, name: &str) -> bool {
    Process::recorded(layout, name).is_some_and(|process| process.alive())
}

async fn serve(
    cluster: &Cluster,
    name: &str,
    port: u16,
    authority: Option<String>,
    progress: Progress,
) -> Result<S3> {
    let layout = cluster.layout();
    let address = format!("{}:{port}", cluster.subnet().host());
    let scheme = if authority.is_some() { "https" } else { "http" };
    let s3 = S3 {
        endpoint: format!("{scheme}://{address}"),
        access_key: "salvor".to_owned(),
        secret_key: "salvor-test-secret".to_owned(),
        folder: layout.data().join(name),
        authority,
    };
    if !running(layout, name) {
        tools::VERSITYGW.ensure(progress)?;
        progress.step("s3 server", launch(layout, name, &address, &s3)).await?;
    }
    Ok(s3)
}

async fn launch(layout: &Layout, name: &str, address: &str, s3: &S3) -> Result<()> {
    fs::create_dir_all(&s3.folder).context("failed to make the folder of the buckets")?;
    let mut command = detached(&tools::VERSITYGW.path()?);
    command.env("ROOT_ACCESS_KEY", &s3.access_key).env("ROOT_SECRET_KEY", &s3.secret_key);
    command.args(["--port", address, "--region", REGION, "--quiet"]);
    if s3.authority.is_some() {
        let pki = layout.pki();
        command.arg("--cert").arg(pki.join("s3.crt")).arg("--key").arg(pki.join("s3.key"));
    }
    let process = start(layout, name, command.arg("posix").arg(&s3.folder))?;
    until("the S3 server", crate::control_plane::READY, || async {
        Ok(match tokio::net::TcpStream::connect(address).await {
            Ok(_) => Look::Done(()),
            Err(_) if !process.alive() => anyhow::bail!("the S3 server ended:\n{}", process.tail()),
            Err(error) => Look::NotYet(error.to_string()),
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_goes_through_its_url() {
        let s3 = S3::from_url("http://key:se:cret@10.89.0.2:7070/").unwrap();
        assert_eq!(s3.endpoint, "http://10.89.0.2:7070");
        assert_eq!((s3.access_key.as_str(), s3.secret_key.as_str()), ("key", "se:cret"));
        assert_eq!(S3::from_url(&s3.to_url()), Some(s3));
        assert_eq!(S3::from_url("http://nobody"), None);
    }
}
