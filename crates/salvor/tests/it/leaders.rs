//! Servers of which one leads: which pod it is, and who takes over when it dies.

use std::time::Duration;

use serde_json::json;
use testkit::wait::{Look, until};

use crate::world::World;

/// How long pods may take to start, and the Lease to change hands.
const PATIENCE: Duration = Duration::from_secs(120);

/// Has a Deployment of a server run so many pods, and waits until they do.
pub(crate) async fn scale(world: &World, server: &str, replicas: u64) {
    let client = world.cluster.client();
    let path = format!("/apis/apps/v1/namespaces/{server}/deployments/velero");
    client.merge(&path, &json!({"spec": {"replicas": replicas}})).await.unwrap();
    until(&format!("{replicas} servers do not run"), PATIENCE, || async {
        let status = client.get(&path).await?.unwrap_or_default()["status"].take();
        let ready = status["readyReplicas"] == replicas && status["replicas"] == replicas;
        Ok(if ready { Look::Done(()) } else { Look::NotYet(status.to_string()) })
    })
    .await
    .unwrap();
}

/// Kills the pod that leads, and waits until the one that stood by does. Nobody comes in the dead one's stead meanwhile: who
/// leads next is sure to be another server, and not the same one again.
pub(crate) async fn bereave(world: &World, server: &str) {
    let client = world.cluster.client();
    let nobody_new = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "nobody-new", "namespace": server},
        "spec": {"hard": {"pods": "0"}},
    });
    let quotas = format!("/api/v1/namespaces/{server}/resourcequotas");
    client.create(&quotas, &nobody_new).await.unwrap();
    let killed = leader(world, server).await;
    let (dying, others): (Vec<_>, Vec<_>) =
        world.victims(server).await.into_iter().partition(|victim| victim.name == killed);
    assert_eq!((dying.len(), others.len()), (1, 1), "{killed} leads");
    world.kill(&dying).await;
    let heir = until("the Lease has not changed hands", PATIENCE, || async {
        let leader = leader(world, server).await;
        Ok(if leader.is_empty() || leader == killed { Look::NotYet(leader) } else { Look::Done(leader) })
    });
    let heir = heir.await.unwrap();
    println!("killed {killed}; {heir} took over");
    assert_eq!(heir, others[0].name);
    client.delete(&format!("{quotas}/nobody-new")).await.unwrap();
}

/// Waits until a pod leads that is there, and not one that was killed.
pub(crate) async fn led(world: &World, server: &str) {
    until("nobody leads", PATIENCE, || async {
        let leader = leader(world, server).await;
        let path = format!("/api/v1/namespaces/{server}/pods/{leader}");
        let is_there = !leader.is_empty() && world.cluster.client().get(&path).await?.is_some();
        Ok(if is_there { Look::Done(()) } else { Look::NotYet(format!("the Lease is of {leader:?}")) })
    })
    .await
    .unwrap();
}

/// The pod that holds the Lease of a server.
async fn leader(world: &World, server: &str) -> String {
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{server}/leases/velero-server");
    let lease = world.cluster.client().get(&path).await.unwrap().unwrap_or_default();
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    holder.rsplit_once('_').map(|(pod, _)| pod).unwrap_or_default().to_owned()
}
