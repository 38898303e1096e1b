//! Somebody else on the cluster: a service account without privileges that reads and changes one ConfigMap, again and
//! again, and notes how long each answer takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use testkit::client::Client;
use testkit::cluster::Cluster;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// The namespace that it lives in.
const NAMESPACE: &str = "bench-bystander";
/// Between two of its requests.
const PAUSE: Duration = Duration::from_millis(20);
/// How long it watches a quiet cluster.
const QUIET: Duration = Duration::from_secs(20);

/// A bystander, and how its requests are answered while nothing happens.
pub(crate) struct Bystander {
    client: Client,
    path: String,
}

/// A bystander at work.
pub(crate) struct Watching {
    stop: Arc<AtomicBool>,
    work: JoinHandle<Result<Vec<f64>>>,
}

impl Bystander {
    /// Lets one into the cluster.
    pub(crate) async fn enter(cluster: &Cluster) -> Result<Self> {
        let admin = cluster.client();
        let within = |rest: &str| format!("/api/v1/namespaces/{NAMESPACE}/{rest}");
        admin
            .apply(
                &format!("/api/v1/namespaces/{NAMESPACE}"),
                &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
            )
            .await?;
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bystander"}});
        admin.apply(&within("serviceaccounts/bystander"), &account).await?;
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "its-own"}});
        admin.apply(&within("configmaps/its-own"), &map).await?;
        let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "bystander"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
            "subjects": [{"kind": "ServiceAccount", "name": "bystander", "namespace": NAMESPACE}]});
        let bindings =
            format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/rolebindings/bystander");
        admin.apply(&bindings, &binding).await?;
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86400}});
        let token = admin.create(&within("serviceaccounts/bystander/token"), &request).await?;
        let token = token["status"]["token"].as_str().context("failed to find the bystander's token")?;
        let client = Client::with_token(&cluster.kubeconfig(), token)?;
        Ok(Self { client, path: within("configmaps/its-own") })
    }

    /// How long 99 of 100 of its requests take at the most while nothing happens, in milliseconds.
    pub(crate) async fn quiet(&self) -> Result<f64> {
        let watching = self.watch();
        tokio::time::sleep(QUIET).await;
        watching.end().await
    }

    /// Begins to ask.
    pub(crate) fn watch(&self) -> Watching {
        let stop = Arc::new(AtomicBool::new(false));
        let work = ask(self.client.clone(), self.path.clone(), Arc::clone(&stop));
        Watching { stop, work: tokio::spawn(work) }
    }
}

impl Watching {
    /// Ends; how long 99 of 100 of its requests took at the most, in milliseconds.
    pub(crate) async fn end(self) -> Result<f64> {
        self.stop.store(true, Ordering::Relaxed);
        let took = self.work.await.context("failed to wait for the bystander")??;
        Ok(percentile(took, 0.99))
    }
}

async fn ask(client: Client, path: String, stop: Arc<AtomicBool>) -> Result<Vec<f64>> {
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let start = Instant::now();
        if took.len() % 2 == 0 {
            client.get(&path).await?;
        } else {
            client.merge(&path, &json!({"data": {"times": took.len().to_string()}})).await?;
        }
        took.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(took)
}

/// The smallest figure that so large a part of all does not exceed.
fn percentile(mut figures: Vec<f64>, part: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let place = (figures.len() as f64 * part).ceil() as usize;
    figures.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_may_take_longer() {
        assert_eq!(percentile((1..=100).rev().map(f64::from).collect(), 0.99), 99.0);
        assert_eq!(percentile(vec![7.0], 0.99), 7.0);
        assert_eq!(percentile(Vec::new(), 0.99), 0.0);
    }
}
