//! What processes of ours have in common: how they end, and what they are called.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use api::labels::SERVER_VERSION;
use cluster::clock::SystemClock;
use cluster::lease::{Election, LeaseOptions, Terms};
use controllers::Ids;
use controllers::deps::RandomIds;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::exit::Exit;

/// Runs a role from its first call to its last, and says why it failed.
pub(crate) fn run(role: impl Future<Output = Result<()>>) -> Exit {
    match tokio::runtime::Runtime::new().context("start").and_then(|runtime| runtime.block_on(role)) {
        Ok(()) => Exit::Done,
        Err(problem) => {
            error!("failed to {problem:#}");
            Exit::Failed
        }
    }
}

/// How a role stands for its Lease.
pub(crate) fn lease(namespace: &str, name: &str, role: &str) -> LeaseOptions {
    LeaseOptions {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        identity: identity(role),
        terms: Terms::default(),
        clock: Arc::new(SystemClock),
    }
}

/// Waits for the Lease, then works until the end: in order if the process is told to, at once if the Lease is
/// lost, since by then another may have it.
pub(crate) async fn lead(
    (election, lease): (&Election, &str),
    stop: &CancellationToken,
    work: impl Future<Output = Result<()>>,
) -> Result<()> {
    info!(lease, "waiting for the lease");
    let mut standing = election.standing();
    let leadership = tokio::select! {
        leadership = standing.won() => leadership.context("stand for the lease")?,
        () = stop.cancelled() => return Ok(()),
    };
    info!(lease, "holding the lease");
    tokio::select! {
        biased;
        () = leadership.lost.cancelled() => bail!("keep the lease: another may hold it"),
        outcome = work => outcome,
    }
}

/// Cancels `stop` when the process is told to end, and then leaves what is at work its time.
pub(crate) async fn stop_when_told(stop: &CancellationToken, grace: Duration) {
    told_to_end().await;
    info!("told to end");
    stop.cancel();
    tokio::time::sleep(grace + Duration::from_secs(1)).await;
}

/// The commit that the program was built from, where whoever built it said so.
pub(crate) const COMMIT: Option<&str> = option_env!("SALVOR_GIT_COMMIT");

/// Who a process says it is when it calls the API server.
pub(crate) fn user_agent(name: &str) -> String {
    cluster::user_agent(name, SERVER_VERSION, COMMIT.unwrap_or("-"))
}

/// A name that no other process has, for a Lease: the pod's, and a number drawn anew at every start.
fn identity(role: &str) -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| role.to_owned());
    format!("{host}_{}", RandomIds.uuid())
}

/// Waits for SIGTERM or SIGINT.
async fn told_to_end() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
