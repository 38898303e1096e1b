//! What processes of ours have in common: how they end, and what they are called.

use std::time::Duration;

use api::labels::SERVER_VERSION;
use controllers::Ids;
use controllers::deps::RandomIds;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

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
pub(crate) fn identity(role: &str) -> String {
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
