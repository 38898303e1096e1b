//! The cluster's name server: CoreDNS as a process on the node's address, behind the service `kube-dns`.

use anyhow::Result;
use serde_json::json;

use crate::client::Client;
use crate::control_plane::{READY, launch, listens};
use crate::layout::Layout;
use crate::network::Subnet;
use crate::tools;

/// Starts the name server and gives it its service.
pub(crate) async fn start(layout: &Layout, subnet: Subnet, client: &Client) -> Result<()> {
    let corefile = corefile(layout, subnet);
    let corefile = layout.write_config("Corefile", corefile)?;
    let process = launch(layout, &tools::COREDNS, &[format!("-conf={}", corefile.display())])?;
    service(subnet, client).await?;
    process.ready(READY, || async { listens(process.pid(), 53) }).await
}

/// Names of the cluster are looked up there; no other name exists, because nothing leaves the machine.
fn corefile(layout: &Layout, subnet: Subnet) -> String {
    format!(
        "cluster.local in-addr.arpa {{
  bind {address}
  errors
  kubernetes {{
    kubeconfig {kubeconfig}
    pods insecure
  }}
  cache 5
}}
. {{
  bind {address}
  template ANY ANY {{
    rcode NXDOMAIN
  }}
}}
",
        address = subnet.node(),
        kubeconfig = layout.kubeconfig().display(),
    )
}

async fn service(subnet: Subnet, client: &Client) -> Result<()> {
    let port = |name: &str, protocol: &str| json!({"name": name, "port": 53, "protocol": protocol});
    let ports = [port("dns", "UDP"), port("dns-tcp", "TCP")];
    let labels = json!({"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"});
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": labels},
        "spec": {"clusterIP": subnet.dns_service(), "ports": ports},
    });
    client.apply("/api/v1/namespaces/kube-system/services/kube-dns", &service).await?;
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "name": "kube-dns-node", "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns", "endpointslice.kubernetes.io/managed-by": "testkit"},
        },
        "endpoints": [{"addresses": [subnet.node()], "conditions": {"ready": true}}],
        "ports": ports,
    });
    client
        .apply("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns-node", &slice)
        .await?;
    Ok(())
}
