//! containerd, the kubelet and the service proxy.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cleanup;
use crate::client::Client;
use crate::command::run;
use crate::control_plane::{READY, launch, listens};
use crate::images::{self, PAUSE};
use crate::layout::Layout;
use crate::network::Subnet;
use crate::process::{entered, start};
use crate::tools;
use crate::wait::{Look, until};

/// Where Debian keeps the network plugins.
const CNI_PLUGINS: &str = "/usr/lib/cni";

/// Starts containerd.
pub(crate) async fn containerd(layout: &Layout, subnet: Subnet) -> Result<()> {
    let plugins = layout.run().join("cni");
    fs::create_dir_all(&plugins).context("failed to make the folder of the network plugins")?;
    fs::write(plugins.join("10-pods.conflist"), pod_network(layout, subnet).to_string())
        .context("failed to write the pods' network")?;
    share_mounts(layout)?;
    let config = layout.write_config("containerd.toml", containerd_config(layout))?;
    let mut command = entered(layout, "/usr/bin/containerd".as_ref());
    let process = start(layout, "containerd", command.arg("--config").arg(config))?;
    process.ready(READY, || async { images::answers(layout) }).await
}

/// Volumes are mounted while pods run: what is mounted below must be seen in all of them.
fn share_mounts(layout: &Layout) -> Result<()> {
    let data = layout.data().display().to_string();
    run("mount", ["--bind", &data, &data])?;
    run("mount", ["--make-rshared", &data])?;
    Ok(())
}

fn pod_network(layout: &Layout, subnet: Subnet) -> Value {
    json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [
        {
            "type": "bridge", "bridge": "pods", "isGateway": true, "ipMasq": true, "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": subnet.pods()}]],
                "routes": [{"dst": "0.0.0.0/0"}],
                "dataDir": layout.run().join("cni-addresses"),
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": true}},
    ]})
}

fn containerd_config(layout: &Layout) -> String {
    let (data, socket) = (layout.data().join("containerd"), layout.containerd_socket());
    format!(
        r#"version = 2
root = "{data}/root"
state = "{data}/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{data}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # The machine may lack CAP_SYS_RESOURCE; without it a container cannot lower its score.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{CNI_PLUGINS}"
  conf_dir = "{cni}"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  Root = "{data}/runc"
"#,
        data = data.display(),
        socket = socket.display(),
        cni = layout.run().join("cni").display(),
    )
}

/// Starts the kubelet and waits for its node.
pub(crate) async fn kubelet(layout: &Layout, subnet: Subnet, client: &Client) -> Result<()> {
    cleanup::create_cgroups(layout)?;
    let resolver = layout.write_config("resolv.conf", "")?;
    let config = kubelet_config(layout, subnet, &resolver.display().to_string());
    let config = layout.write_config("kubelet.json", config.to_string())?;
    let arguments = [
        format!("--config={}", config.display()),
        format!("--kubeconfig={}", layout.kubeconfig_of("node").display()),
        format!("--root-dir={}", layout.data().join("kubelet").display()),
        format!("--hostname-override={}", layout.node()),
        format!("--node-ip={}", subnet.node()),
    ];
    let process = launch(layout, &tools::KUBELET, &arguments)?;
    let path = format!("/api/v1/nodes/{}", layout.node());
    process.ready(READY, || async { node_ready(client, &path).await }).await
}

fn kubelet_config(layout: &Layout, subnet: Subnet, resolver: &str) -> Value {
    let pki = |file: &str| layout.pki().join(file);
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki("kubelet.crt"),
        "tlsPrivateKeyFile": pki("kubelet.key"),
        "containerRuntimeEndpoint": format!("unix://{}", layout.containerd_socket().display()),
        "clusterDNS": [subnet.dns_service()],
        "clusterDomain": "cluster.local",
        "resolvConf": resolver,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": layout.cgroup(),
        "failCgroupV1": false,
        "failSwapOn": false,
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": false,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        // Images are imported by hand: nobody could fetch them again.
        "imageGCHighThresholdPercent": 100,
        "maxPods": 200,
        "serializeImagePulls": false,
        "podLogsDir": layout.data().join("pod-logs"),
        "volumePluginDir": layout.data().join("volume-plugins"),
        "shutdownGracePeriod": "0s",
    })
}

async fn node_ready(client: &Client, path: &str) -> Result<(), String> {
    let node =
        client.get(path).await.map_err(|error| error.to_string())?.ok_or("the node is not registered")?;
    let conditions = node["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
    match ready {
        Some(condition) if condition["status"] == "True" => Ok(()),
        Some(condition) => Err(condition["message"].as_str().unwrap_or("no reason given").to_owned()),
        None => Err("the node has told nothing yet".to_owned()),
    }
}

/// Starts the service proxy.
pub(crate) async fn proxy(layout: &Layout, subnet: Subnet) -> Result<()> {
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": layout.kubeconfig_of("proxy")},
        "clusterCIDR": subnet.pods(),
        "mode": "iptables",
        "hostnameOverride": layout.node(),
        "bindAddress": "0.0.0.0",
        // These limits belong to the machine, not to a namespace.
        "conntrack": {"maxPerCore": 0, "min": 0},
    });
    let config = layout.write_config("proxy.json", config.to_string())?;
    let process = launch(layout, &tools::KUBE_PROXY, &[format!("--config={}", config.display())])?;
    process.ready(READY, || async { listens(process.pid(), 10256) }).await
}

/// Waits until a namespace's service account is there, without which no pod starts.
pub(crate) async fn pods_may_start(client: &Client) -> Result<()> {
    until("the service account default/default", Duration::from_secs(60), || async {
        Ok(match client.get("/api/v1/namespaces/default/serviceaccounts/default").await? {
            Some(_) => Look::Done(()),
            None => Look::NotYet("not made yet".to_owned()),
        })
    })
    .await
}
