//! Calls that are made until the API server is able to answer them.

use std::time::Duration;

use cluster::clock::Deadline;
use cluster::{Cluster, Error as ClusterError, ErrorKind};
use tokio::time::sleep;

use crate::error::Result;

/// How long a call is tried while the server is not able to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// Between two tries when the server does not say how long to wait.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// Makes a call until the server is able to answer it, or patience ends; `busy` hears of each answer that is none.
pub(super) async fn persist<T, F>(busy: impl Fn(), call: impl Fn() -> F) -> cluster::Result<T>
where
    F: Future<Output = cluster::Result<T>>,
{
    let deadline = Deadline::after(PATIENCE);
    loop {
        match call().await {
            Err(error) if error.is_transient() && !deadline.has_passed() => {
                busy();
                sleep(error.retry_after.unwrap_or(PAUSE)).await;
            }
            answer => return answer,
        }
    }
}

/// The same, where nobody needs to hear of it.
pub(super) async fn patiently<T, F>(call: impl Fn() -> F) -> cluster::Result<T>
where
    F: Future<Output = cluster::Result<T>>,
{
    persist(|| (), call).await
}

/// The error of a call, if it is about what was called for: what the server judged, or what only this call meets, such as
/// a conversion that fails, while the server answers others. Anything else says nothing of the object: then the
/// operation as a whole is tried again.
pub(super) async fn blamed(cluster: &dyn Cluster, error: ClusterError) -> Result<ClusterError> {
    let alone = error.kind == ErrorKind::Unavailable && cluster.version().await.is_ok();
    if error.is_a_judgement() || alone { Ok(error) } else { Err(error.into()) }
}
