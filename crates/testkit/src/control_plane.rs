//! etcd, the API server, the controllers and the scheduler.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::client::Client;
use crate::kubeconfig;
use crate::layout::Layout;
use crate::network::Subnet;
use crate::pki::{self, Authority};
use crate::process::{Process, entered, start};
use crate::tools::{self, Tool};

/// How long a part may take to be ready: a loaded machine is slow.
pub(crate) const READY: Duration = Duration::from_secs(120);

/// Users with a kubeconfig of their own: the file, the name, the group.
const USERS: &[(&str, &str, Option<&str>)] = &[
    ("controller-manager", "system:kube-controller-manager", None),
    ("scheduler", "system:kube-scheduler", None),
    ("proxy", "system:kube-proxy", None),
];

const AUDIT_POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
 "rules": [{"level": "None", "users": ["system:apiserver", "system:kube-scheduler"]}, {"level": "Metadata"}]}"#;

/// Makes every certificate and kubeconfig.
pub(crate) fn credentials(layout: &Layout, subnet: Subnet) -> Result<()> {
    let folder = layout.pki();
    let authority = Authority::new("salvor-local")?;
    authority.write(&folder)?;
    pki::write_token_keys(&folder)?;
    let (node, api) = (subnet.node().to_string(), subnet.api_service().to_string());
    let names = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    let reached_by = [&names[..], &["localhost", "127.0.0.1", &node, &api]].concat();
    authority.server("kube-apiserver", &reached_by)?.write(&folder, "apiserver")?;
    authority.server(&layout.node(), &[&layout.node(), &node])?.write(&folder, "kubelet")?;
    authority.client("apiserver-kubelet-client", Some("system:masters"))?.write(&folder, "to-kubelet")?;
    let write = |path: &Path, user: &str, group: Option<&str>| {
        let identity = authority.client(user, group)?;
        kubeconfig::write(path, layout.name(), &subnet.server(), &authority.certificate(), &identity)
    };
    for (file, user, group) in USERS {
        write(&layout.kubeconfig_of(file), user, *group)?;
    }
    write(&layout.kubeconfig_of("node"), &format!("system:node:{}", layout.node()), Some("system:nodes"))?;
    write(&layout.kubeconfig(), "admin", Some("system:masters"))
}

/// Starts etcd.
pub(crate) async fn etcd(layout: &Layout) -> Result<()> {
    let data = layout.data().join("etcd");
    fs::create_dir_all(&data).context("failed to make the folder of etcd")?;
    let process = launch(
        layout,
        &tools::ETCD,
        &[
            format!("--data-dir={}", data.display()),
            // A test's data need not survive the machine.
            "--unsafe-no-fsync".to_owned(),
            "--quota-backend-bytes=8589934592".to_owned(),
            "--log-level=warn".to_owned(),
        ],
    )?;
    // It listens on the namespace's loopback only: its socket shows that it does.
    process.ready(READY, || async { listens(process.pid(), 2379) }).await
}

/// Starts the API server; a client of its administrator.
pub(crate) async fn api_server(layout: &Layout, subnet: Subnet) -> Result<Client> {
    let policy = layout.write_config("audit-policy.json", AUDIT_POLICY)?;
    let pki = |file: &str| layout.pki().join(file).display().to_string();
    let arguments = [
        "--etcd-servers=http://127.0.0.1:2379".to_owned(),
        "--secure-port=6443".to_owned(),
        "--bind-address=0.0.0.0".to_owned(),
        format!("--advertise-address={}", subnet.node()),
        format!("--client-ca-file={}", pki("ca.crt")),
        format!("--tls-cert-file={}", pki("apiserver.crt")),
        format!("--tls-private-key-file={}", pki("apiserver.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", pki("sa.pub")),
        format!("--service-account-signing-key-file={}", pki("sa.key")),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        format!("--service-cluster-ip-range={}", subnet.services()),
        "--allow-privileged=true".to_owned(),
        format!("--kubelet-client-certificate={}", pki("to-kubelet.crt")),
        format!("--kubelet-client-key={}", pki("to-kubelet.key")),
        format!("--kubelet-certificate-authority={}", pki("ca.crt")),
        // Else `exec` looks the node's name up in DNS.
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", layout.audit_log().display()),
        "--audit-log-maxsize=200".to_owned(),
        "--audit-log-maxbackup=1".to_owned(),
    ];
    let process = launch(layout, &tools::KUBE_APISERVER, &arguments)?;
    let client = Client::from_kubeconfig(&layout.kubeconfig())?;
    process.ready(READY, || client.answers("/readyz")).await?;
    Ok(client)
}

/// Starts the controllers and the scheduler.
pub(crate) async fn controllers(layout: &Layout, subnet: Subnet) -> Result<()> {
    let pki = |file: &str| layout.pki().join(file).display().to_string();
    let kubeconfig = |user: &str| format!("--kubeconfig={}", layout.kubeconfig_of(user).display());
    let controller_manager = [
        kubeconfig("controller-manager"),
        format!("--cluster-signing-cert-file={}", pki("ca.crt")),
        format!("--cluster-signing-key-file={}", pki("ca.key")),
        format!("--root-ca-file={}", pki("ca.crt")),
        format!("--service-account-private-key-file={}", pki("sa.key")),
        "--use-service-account-credentials=true".to_owned(),
        "--allocate-node-cidrs=true".to_owned(),
        format!("--cluster-cidr={}", subnet.pods()),
        format!("--service-cluster-ip-range={}", subnet.services()),
        "--leader-elect=false".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        // The default flex volume folder is one for the whole machine.
        format!("--flex-volume-plugin-dir={}", layout.data().join("volume-plugins").display()),
    ];
    let scheduler =
        [kubeconfig("scheduler"), "--leader-elect=false".to_owned(), "--bind-address=127.0.0.1".to_owned()];
    let controller_manager = launch(layout, &tools::KUBE_CONTROLLER_MANAGER, &controller_manager)?;
    let scheduler = launch(layout, &tools::KUBE_SCHEDULER, &scheduler)?;
    controller_manager.ready(READY, || async { listens(controller_manager.pid(), 10257) }).await?;
    scheduler.ready(READY, || async { listens(scheduler.pid(), 10259) }).await
}

/// Starts a pinned tool in the cluster's network.
pub(crate) fn launch(layout: &Layout, tool: &Tool, arguments: &[String]) -> Result<Process> {
    start(layout, tool.name, entered(layout, &tool.path()?).args(arguments))
}

/// Whether somebody listens on a port of the network namespace that a process is in.
pub(crate) fn listens(pid: i32, port: u16) -> Result<(), String> {
    let tables = ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")));
    let found = tables.into_iter().flatten().any(|table| has_listener(&table, port));
    if found { Ok(()) } else { Err(format!("nobody listens on port {port}")) }
}

/// Whether a table of sockets has a listener (state 0A) on a port.
fn has_listener(table: &str, port: u16) -> bool {
    let port = format!(":{port:04X}");
    table.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&port)) && words.nth(1) == Some("0A")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_from_the_socket_table() {
        let table = "  sl  local_address rem_address   st tx_queue\n   0: 0100007F:094B 00000000:0000 0A 00000000:0\n   \
                     1: 0100007F:1F90 0100007F:0001 01 00000000:0\n";
        assert!(has_listener(table, 2379));
        assert!(!has_listener(table, 8080), "an established connection is no listener");
    }
}
