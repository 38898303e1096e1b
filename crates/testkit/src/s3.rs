//! An S3 server that the host and the pods of a cluster reach at one address.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::cluster::Cluster;
use crate::layout::Layout;
use crate::pki::Authority;
use crate::process::{Process, detached, start};
use crate::progress::Progress;
use crate::tools;

/// A bucket that it has from the start.
pub const BUCKET: &str = "tests";
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
    /// Where its buckets are folders.
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
        let known = fs::read_to_string(Self::authority_file(cluster)).ok();
        if let Some(authority) = known.filter(|_| running(cluster.layout(), "s3-tls")) {
            return serve(cluster, "s3-tls", TLS_PORT, Some(authority), progress).await;
        }
        let authority = Authority::new("salvor-local-s3")?;
        authority.server(&host, &[&host, "localhost"])?.write(&folder, "s3")?;
        fs::write(Self::authority_file(cluster), authority.certificate())
            .context("failed to write the authority")?;
        serve(cluster, "s3-tls", TLS_PORT, Some(authority.certificate()), progress).await
    }

    /// Where the certificate of the authority is that signed for the one with TLS.
    pub fn authority_file(cluster: &Cluster) -> PathBuf {
        cluster.layout().pki().join("s3-ca.crt")
    }

    /// As `http://ACCESS:SECRET@HOST:PORT/BUCKET`, for the environment of tests.
    pub fn to_url(&self) -> String {
        let keys = format!("://{}:{}@", self.access_key, self.secret_key);
        format!("{}/{BUCKET}", self.endpoint.replacen("://", &keys, 1))
    }

    /// Makes a bucket, if it is not there.
    pub fn make_bucket(&self, name: &str) -> Result<()> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        let good = (3..64).contains(&name.len()) && name.chars().all(plain);
        ensure!(good, "{name:?} cannot name a bucket: use 3 to 63 lower-case letters, digits and dashes");
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
    s3.make_bucket(BUCKET)?;
    Ok(s3)
}

async fn launch(layout: &Layout, name: &str, address: &str, s3: &S3) -> Result<()> {
    let folder = layout.data().join(name);
    fs::create_dir_all(&folder).context("failed to make the folder of the buckets")?;
    let mut command = detached(&tools::VERSITYGW.path()?);
    command.env("ROOT_ACCESS_KEY", &s3.access_key).env("ROOT_SECRET_KEY", &s3.secret_key);
    command.args(["--port", address, "--region", REGION, "--quiet"]);
    if s3.authority.is_some() {
        let pki = layout.pki();
        command.arg("--cert").arg(pki.join("s3.crt")).arg("--key").arg(pki.join("s3.key"));
    }
    start(layout, name, command.arg("posix").arg(folder))?.listens(address).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_made_by_good_names_only() {
        let folder = tempfile::tempdir().unwrap();
        let s3 = S3 {
            endpoint: "http://192.0.2.1:7070".to_owned(),
            access_key: "key".to_owned(),
            secret_key: "secret".to_owned(),
            folder: folder.path().to_owned(),
            authority: None,
        };
        assert_eq!(s3.to_url(), "http://key:secret@192.0.2.1:7070/tests");
        s3.make_bucket("good").unwrap();
        for bad in ["it", "Upper", "../x", "a/b"] {
            assert!(s3.make_bucket(bad).is_err(), "{bad:?}");
        }
    }
}
