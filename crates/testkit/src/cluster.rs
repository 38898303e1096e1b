//! A whole local cluster: up, down, and what it offers to tests.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::client::Client;
use crate::images::{self, Image};
use crate::layout::Layout;
use crate::network::{self, Subnet};
use crate::process::Process;
use crate::progress::Progress;
use crate::{cleanup, control_plane, dns, node, packages, tools};

/// The name of the cluster that `xtask` starts.
pub const DEFAULT_NAME: &str = "dev";

/// What runs in every cluster.
const PROCESSES: &[&str] = &[
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "kubelet",
    "kube-proxy",
    "coredns",
];

/// A cluster that is up.
#[derive(Debug, Clone)]
pub struct Cluster {
    layout: Layout,
    subnet: Subnet,
    client: Client,
}

impl Cluster {
    /// Brings a cluster up. One that is up already stays; what is left of one that crashed is removed first.
    pub async fn up(name: &str, progress: Progress) -> Result<Self> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "a local cluster needs root: namespaces, mounts and control groups{}",
            packages::what_is_missing()
        );
        let layout = Layout::new(name)?;
        progress.heading(format_args!("cluster {name}"));
        if let Some(cluster) = Self::running(name).await? {
            progress.note("already up", cluster.kubeconfig().display());
            return Ok(cluster);
        }
        packages::ensure(progress)?;
        tools::ensure_all(tools::CLUSTER, progress)?;
        let images = images::standard(progress)?;
        remove(&layout, Progress::quiet()).await.context("failed to remove what an earlier run left")?;
        let cluster = Self::start(&layout, images, progress).await?;
        node_up(&cluster, progress).await?;
        Ok(cluster)
    }

    async fn start(layout: &Layout, images: Vec<Image>, progress: Progress) -> Result<Self> {
        layout.create()?;
        let subnet = network::reserve(layout)?;
        let network = async { network::create(layout, subnet) };
        progress.step(&format!("network 10.89.{}.0/24", subnet.node().octets()[2]), network).await?;
        progress.step("certificates", async { control_plane::credentials(layout, subnet) }).await?;
        progress.step("containerd", node::containerd(layout, subnet)).await?;
        // Images take as long as the API server does: side by side.
        let owned = layout.clone();
        let loading = tokio::task::spawn_blocking(move || images::load(&owned, &images, true));
        progress.step("etcd", control_plane::etcd(layout)).await?;
        let client = progress.step("kube-apiserver", control_plane::api_server(layout, subnet)).await?;
        progress.step("controllers, scheduler", control_plane::controllers(layout, subnet)).await?;
        progress.step("images", async { loading.await? }).await?;
        Ok(Self { layout: layout.clone(), subnet, client })
    }

    /// The cluster of that name, if everything of it runs.
    pub async fn running(name: &str) -> Result<Option<Self>> {
        let layout = Layout::new(name)?;
        let Some(subnet) = Subnet::of(&layout) else { return Ok(None) };
        let alive = |name: &&str| Process::recorded(&layout, name).is_some_and(|process| process.alive());
        if !PROCESSES.iter().all(alive) {
            return Ok(None);
        }
        let client = Client::from_kubeconfig(&layout.kubeconfig())?;
        Ok(client.answers("/readyz").await.is_ok().then_some(Self { layout, subnet, client }))
    }

    /// Takes a cluster down, whatever state it is in. Nothing of it remains.
    pub async fn down(name: &str, progress: Progress) -> Result<()> {
        let layout = Layout::new(name)?;
        if !layout.run().exists() && !layout.data().exists() {
            progress.note(&format!("cluster {name}"), "not there");
            return Ok(());
        }
        progress.heading(format_args!("cluster {name} goes down"));
        remove(&layout, progress).await
    }

    /// Imports images, also in place of those of the same name.
    pub fn load(&self, images: &[Image]) -> Result<()> {
        images::load(&self.layout, images, false)
    }

    /// Imports the images of an archive, as `docker save` writes them or as an OCI layout in a tar; what was imported.
    pub fn import(&self, archive: &Path) -> Result<String> {
        images::import(&self.layout, archive)
            .with_context(|| format!("failed to import the images in {}", archive.display()))
    }

    /// Kills the processes of a pod, known by its UID, with a signal that none of them sees; how many there were.
    pub fn kill_pod(&self, uid: &str) -> usize {
        cleanup::kill_pod(&self.layout, uid)
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.layout.kubeconfig()
    }

    /// A client of the administrator.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its files.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its addresses.
    pub fn subnet(&self) -> Subnet {
        self.subnet
    }
}

async fn node_up(cluster: &Cluster, progress: Progress) -> Result<()> {
    let (layout, subnet, client) = (&cluster.layout, cluster.subnet, &cluster.client);
    progress.step("kubelet, node ready", node::kubelet(layout, subnet, client)).await?;
    // The proxy backs off for half a minute when it does not find its node.
    progress.step("kube-proxy", node::proxy(layout, subnet)).await?;
    progress.step("coredns", dns::start(layout, subnet, client)).await?;
    progress.step("service accounts", node::pods_may_start(client)).await
}

/// Removes everything of a cluster: processes, then what they held.
async fn remove(layout: &Layout, progress: Progress) -> Result<()> {
    progress.step("processes", cleanup::kill_processes(layout)).await?;
    cleanup::remove_shim_sockets(layout);
    progress.step("mounts", async { cleanup::unmount(layout) }).await?;
    progress.step("control groups", cleanup::remove_cgroups(layout)).await?;
    progress.step("network", async { network::remove(layout) }).await?;
    cleanup::remove_log_links(layout);
    progress.step("files", async { cleanup::remove_folders(layout) }).await
}
