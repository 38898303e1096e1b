//! Connecting to a cluster, and making calls: limits, deadlines, repeats, errors.

use std::path::PathBuf;
use std::time::Duration;

use http::Response;
use http_body_util::BodyExt;
use kube::client::{Body, ClientBuilder};
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::errors::{chain, from_answer, from_transport};
use crate::limits::{Backoff, Gate, Limits};
use crate::port::{Error, ErrorKind, Result};
use crate::request::Call;

/// How long the connection to the API server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the API server has for one call. Its own limit is as long.
const CALL_DEADLINE: Duration = Duration::from_secs(60);
/// How often a read is attempted.
const READ_ATTEMPTS: u32 = 5;
/// The pause after the first failed read.
const READ_PAUSE_FIRST: Duration = Duration::from_millis(250);
/// The longest pause between reads, also where the server asks for a longer one.
const READ_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long it may take until a stream begins.
pub(crate) const OPEN_DEADLINE: Duration = Duration::from_secs(30);

/// Which cluster to connect to, and as whom.
#[derive(Debug, Clone, Default)]
pub struct Connect {
    /// The value of `--kubeconfig`: a file, instead of `KUBECONFIG`, the default file, and the pod's own account.
    pub kubeconfig: Option<PathBuf>,
    /// The value of `--kubecontext`, instead of the file's current context.
    pub context: Option<String>,
    /// Who we say we are: see [`user_agent`].
    pub user_agent: String,
    /// What we may ask of the server.
    pub limits: Limits,
}

/// A user agent in the form that Velero's clients have: `velero/v1 (linux/amd64) abcdef`.
pub fn user_agent(name: &str, version: &str, revision: &str) -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{name}/{version} ({}/{arch}) {revision}", std::env::consts::OS)
}

/// Makes calls to one API server.
pub(crate) struct Caller {
    pub(crate) client: Client,
    gate: Gate,
}

impl Caller {
    /// Reads the configuration and prepares a client; the server is not asked anything yet.
    pub(crate) async fn connect(connect: &Connect) -> Result<Self> {
        let mut config = configuration(connect).await?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // The calls have deadlines and repeats of their own.
        config.default_retry = false;
        let agent = http::HeaderValue::from_str(&connect.user_agent)
            .map_err(|error| failed(format!("the user agent is not a header value: {error}")))?;
        config.headers.push((http::header::USER_AGENT, agent));
        install_crypto();
        let builder = ClientBuilder::try_from(config).map_err(|error| from_transport(CONNECTING, &error))?;
        Ok(Self { client: builder.build(), gate: Gate::new(connect.limits) })
    }

    /// Reads something, again if the server was busy or out of reach.
    pub(crate) async fn read(&self, call: &Call) -> Result<Value> {
        let mut backoff = Backoff::new(READ_PAUSE_FIRST, READ_PAUSE_MAX);
        let mut attempt = 1;
        loop {
            match self.call(call).await {
                Err(error) if error.is_transient() && attempt < READ_ATTEMPTS => {
                    tracing::debug!(%error, attempt, "a read is tried again");
                    let pause = backoff.pause();
                    sleep(error.retry_after.map_or(pause, |asked| asked.clamp(pause, READ_PAUSE_MAX))).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Makes a call once, and reads the document that it answers with.
    pub(crate) async fn call(&self, call: &Call) -> Result<Value> {
        let request = call.request(false)?;
        let _in_flight = self.gate.enter().await;
        let answer = async {
            let response =
                self.client.send(request).await.map_err(|error| from_transport(&call.action, &error))?;
            accepted(&call.action, response).await
        };
        let bytes = within(CALL_DEADLINE, &call.action, answer).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(ErrorKind::Other, &call.action, format!("the answer is not JSON: {error}"))
        })
    }

    /// Makes a call whose answer comes as a stream.
    pub(crate) async fn open(&self, call: &Call) -> Result<Response<Body>> {
        let request = call.request(true)?;
        self.gate.enter_long().await;
        let answer = async {
            let response =
                self.client.send(request).await.map_err(|error| from_transport(&call.action, &error))?;
            if response.status().is_success() {
                return Ok(response);
            }
            Err(refused(&call.action, response).await)
        };
        within(OPEN_DEADLINE, &call.action, answer).await
    }

    /// Waits for the turn of a call that the client makes by itself.
    pub(crate) async fn enter_long(&self) {
        self.gate.enter_long().await;
    }
}

const CONNECTING: &str = "connect to the cluster";

fn failed(message: String) -> Error {
    Error::new(ErrorKind::Other, CONNECTING, message)
}

/// Sets the process's cryptography once; whoever was first wins.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _raced = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

async fn configuration(connect: &Connect) -> Result<Config> {
    let options = KubeConfigOptions { context: connect.context.clone(), ..KubeConfigOptions::default() };
    let file = match &connect.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    match file {
        Ok(file) => {
            Config::from_custom_kubeconfig(file, &options).await.map_err(|error| failed(chain(&error)))
        }
        Err(error) if connect.kubeconfig.is_none() && is_absent(&error) => in_cluster(&error),
        Err(error) => Err(failed(unread(&error))),
    }
}

/// Why there is no kubeconfig.
fn unread(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(cause, path) => {
            format!("failed to read the kubeconfig {}: {cause}", path.display())
        }
        other => chain(other),
    }
}

fn in_cluster(no_file: &KubeconfigError) -> Result<Config> {
    let mut config = Config::incluster().map_err(|error| match error {
        InClusterError::ReadEnvironmentVariable(_) => {
            failed(format!("{} (and this is no pod of a cluster)", unread(no_file)))
        }
        error => failed(format!("{}, nor as a pod of one: {}", unread(no_file), chain(&error))),
    })?;
    // The server is near: compressing costs it more than sending.
    config.disable_compression = true;
    Ok(config)
}

fn is_absent(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(cause, _) => cause.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// The bytes of an answer, or the error in it.
async fn accepted(action: &str, response: Response<Body>) -> Result<bytes::Bytes> {
    if !response.status().is_success() {
        return Err(refused(action, response).await);
    }
    let body = response.into_body().collect().await.map_err(|error| lost(action, &error))?;
    Ok(body.to_bytes())
}

async fn refused(action: &str, response: Response<Body>) -> Error {
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => from_answer(action, parts.status, &parts.headers, &body.to_bytes()),
        Err(error) => lost(action, &error),
    }
}

/// The connection broke in the middle of an answer.
pub(crate) fn lost(action: &str, error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::Unavailable, action, format!("the connection broke: {}", chain(error)))
}

/// Gives up on `work` when the deadline has passed.
pub(crate) async fn within<T>(
    deadline: Duration,
    action: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    timeout(deadline, work).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Unavailable, action, format!("no answer in {} s", deadline.as_secs())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_agent_has_veleros_form() {
        let agent = user_agent("velero", "v1.18.3", "abcdef");
        assert!(agent.starts_with("velero/v1.18.3 (linux/"), "{agent}");
        assert!(agent.ends_with(") abcdef") && !agent.contains("x86_64"), "{agent}");
    }

    #[tokio::test]
    async fn a_kubeconfig_that_was_asked_for_must_be_there() {
        let connect = Connect { kubeconfig: Some("/nonexistent/config".into()), ..Connect::default() };
        let error = Caller::connect(&connect).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Other);
        assert!(error.to_string().contains("/nonexistent/config"), "{error}");
    }

    #[tokio::test]
    async fn no_answer_is_an_error_of_its_own() {
        let never = std::future::pending::<Result<()>>();
        let error = within(Duration::ZERO, "get pods a/b", never).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert_eq!(error.to_string(), "get pods a/b: no answer in 0 s");
    }
}
