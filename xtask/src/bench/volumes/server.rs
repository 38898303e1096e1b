//! An S3 server of the bench's own, behind a proxy that answers late.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use testkit::progress::Progress;
use testkit::s3::REGION;
use testkit::tools::VERSITYGW;
use testkit::wait::{Look, until};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::contender::Place;
use super::late;

/// The bucket of all repositories.
const BUCKET: &str = "bench";
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, which ends with this value.
pub(super) struct Server {
    _process: Child,
    /// Where clients find it: the proxy.
    address: SocketAddr,
}

/// Who may use it: credentials of a bench.
pub(super) const ACCESS_KEY: &str = "salvor";
/// What goes with it.
pub(super) const SECRET_KEY: &str = "salvor-bench-secret";

/// Starts a server that keeps its objects below a folder and answers so much later.
pub(super) async fn start(folder: &Path, delay: Duration, progress: Progress) -> Result<Server> {
    let program = VERSITYGW.ensure(progress)?;
    let root: PathBuf = folder.join("s3");
    std::fs::create_dir_all(root.join(BUCKET)).context("failed to make the bucket")?;
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    let behind = port.context("failed to find a free port")?;
    let mut command = Command::new(program);
    command.env("ROOT_ACCESS_KEY", ACCESS_KEY).env("ROOT_SECRET_KEY", SECRET_KEY).kill_on_drop(true);
    command
        .args(["--port", &behind.to_string(), "--region", REGION, "--quiet", "--keep-alive", "posix"])
        .arg(root);
    let process =
        command.stdout(std::process::Stdio::null()).spawn().context("failed to start the S3 server")?;
    until("the S3 server does not listen", PATIENCE, || async {
        let connected = TcpStream::connect(behind).await;
        Ok(connected.map_or_else(|error| Look::NotYet(error.to_string()), |_| Look::Done(())))
    })
    .await?;
    Ok(Server { _process: process, address: late::start(behind, delay).await? })
}

impl Server {
    /// A place for a repository that has not been used yet.
    pub(super) fn place(&self, prefix: &str) -> Place {
        Place::S3 { host: self.address.to_string(), bucket: BUCKET.to_owned(), prefix: prefix.to_owned() }
    }
}
