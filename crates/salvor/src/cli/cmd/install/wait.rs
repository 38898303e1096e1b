//! Waiting until the cluster has made use of what it was sent.

use std::time::Duration;

use anyhow::anyhow;
use cluster::Cluster;
use cluster::conditions;
use cluster::wait::{Verdict, until};
use controllers::install::types;
use serde_json::Value;

/// How long a definition may take to be served.
const ESTABLISHED: Duration = Duration::from_secs(60);
/// How long a Deployment may take to run.
const AVAILABLE: Duration = Duration::from_secs(180);

/// Waits until every definition is served.
pub(super) async fn established(cluster: &dyn Cluster, definitions: &[Value]) -> anyhow::Result<()> {
    all(cluster, definitions, ESTABLISHED, conditions::established).await
}

/// Waits until every Deployment among the objects runs in its newest form.
pub(super) async fn available(cluster: &dyn Cluster, objects: &[Value]) -> anyhow::Result<()> {
    let deployments: Vec<_> =
        objects.iter().filter(|object| object["kind"] == "Deployment").cloned().collect();
    all(cluster, &deployments, AVAILABLE, conditions::rolled_out).await
}

async fn all(
    cluster: &dyn Cluster,
    objects: &[Value],
    deadline: Duration,
    condition: fn(Option<&Value>) -> Verdict,
) -> anyhow::Result<()> {
    for object in objects {
        let at = types::address(object).ok_or_else(|| anyhow!("failed to address an object"))?;
        until(cluster, &at, deadline, condition).await.map_err(|error| anyhow!("failed to {error}"))?;
    }
    Ok(())
}
