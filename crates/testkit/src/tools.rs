//! Programs that are built from pinned Go modules, and the cache that keeps them.
//!
//! A binary lies in a folder named after the digest of its module's `go.sum`: a changed pin is another folder, and an
//! unchanged one is never built twice.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::command::last_lines;
use crate::paths;
use crate::progress::{Progress, seconds};

/// A program and where it comes from.
#[derive(Debug, PartialEq, Eq)]
pub struct Tool {
    /// The file name of the program.
    pub name: &'static str,
    /// The folder below `tools/` that pins it.
    module: &'static str,
    /// Its Go package.
    package: &'static str,
    /// What is set at link time.
    link: &'static str,
    /// Whether it must run in any image.
    fixed: bool,
}

/// Without it, the components of Kubernetes do not know their version.
const KUBERNETES_VERSION: &str = "-X k8s.io/component-base/version.gitVersion=v1.34.4 \
     -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34 \
     -X k8s.io/component-base/version.gitTreeState=clean \
     -X k8s.io/component-base/version.gitCommit=0000000000000000000000000000000000000000 \
     -X k8s.io/component-base/version.buildDate=1970-01-01T00:00:00Z";

const fn kubernetes(name: &'static str, package: &'static str) -> Tool {
    Tool { name, module: "kubernetes", package, link: KUBERNETES_VERSION, fixed: false }
}

const fn plain(name: &'static str, module: &'static str, package: &'static str) -> Tool {
    Tool { name, module, package, link: "", fixed: false }
}

/// The API server.
pub const KUBE_APISERVER: Tool = kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver");
/// The controllers of Kubernetes.
pub const KUBE_CONTROLLER_MANAGER: Tool =
    kubernetes("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager");
/// The scheduler.
pub const KUBE_SCHEDULER: Tool = kubernetes("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler");
/// The node's agent.
pub const KUBELET: Tool = kubernetes("kubelet", "k8s.io/kubernetes/cmd/kubelet");
/// The node's service proxy.
pub const KUBE_PROXY: Tool = kubernetes("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy");
/// The database of the API server.
pub const ETCD: Tool = plain("etcd", "etcd", "go.etcd.io/etcd/server/v3");
/// The cluster's name server.
pub const COREDNS: Tool = plain("coredns", "coredns", "github.com/coredns/coredns");
/// The S3 server.
pub const VERSITYGW: Tool = plain("versitygw", "s3", "github.com/versity/versitygw/cmd/versitygw");
/// Velero: server and command.
pub const VELERO: Tool = Tool {
    name: "velero",
    module: "velero",
    package: "github.com/vmware-tanzu/velero/cmd/velero",
    link: "-X github.com/vmware-tanzu/velero/pkg/buildinfo.Version=v1.18.3",
    fixed: true,
};
/// Velero's plugin for S3.
pub const VELERO_PLUGIN_FOR_AWS: Tool = Tool {
    name: "velero-plugin-for-aws",
    module: "velero-plugin-for-aws",
    package: "github.com/vmware-tanzu/velero-plugin-for-aws/velero-plugin-for-aws",
    link: "",
    fixed: true,
};
/// The kopia command, which repositories are held against.
pub const KOPIA: Tool = plain("kopia", "kopia", "github.com/kopia/kopia");
/// The restic command, whose repositories are read.
pub const RESTIC: Tool = plain("restic", "restic", "github.com/restic/restic/cmd/restic");

/// What a cluster runs on.
pub const CLUSTER: &[&Tool] =
    &[&ETCD, &KUBE_APISERVER, &KUBE_CONTROLLER_MANAGER, &KUBE_SCHEDULER, &KUBELET, &KUBE_PROXY, &COREDNS];

/// Everything that is pinned.
pub const ALL: &[&Tool] = &[
    &ETCD,
    &KUBE_APISERVER,
    &KUBE_CONTROLLER_MANAGER,
    &KUBE_SCHEDULER,
    &KUBELET,
    &KUBE_PROXY,
    &COREDNS,
    &VERSITYGW,
    &VELERO,
    &VELERO_PLUGIN_FOR_AWS,
    &KOPIA,
    &RESTIC,
];

impl Tool {
    fn sources(&self) -> PathBuf {
        paths::workspace().join("tools").join(self.module)
    }

    /// Where the cache keeps it.
    pub fn path(&self) -> Result<PathBuf> {
        let sums = self.sources().join("go.sum");
        let content = fs::read(&sums).with_context(|| format!("failed to read {}", sums.display()))?;
        let digest = hex::encode(Sha256::digest(content));
        Ok(paths::cache().join(&digest[..16]).join(self.name))
    }

    /// Its path; builds it first if the cache does not have it.
    pub fn ensure(&self, progress: Progress) -> Result<PathBuf> {
        let path = self.path()?;
        if !path.is_file() {
            self.build_once(&path, progress)?;
        }
        Ok(path)
    }

    fn build_once(&self, path: &Path, progress: Progress) -> Result<()> {
        let folder = path.parent().context("failed to find the cache's folder")?;
        fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let lock =
            File::create(paths::cache().join("build.lock")).context("failed to open the build lock")?;
        lock.lock().context("failed to wait for the build lock")?;
        if path.is_file() {
            return Ok(());
        }
        let start = Instant::now();
        progress.note(self.name, "being built, once (minutes)");
        let unfinished = path.with_extension(format!("building-{}", std::process::id()));
        let built = self.go_build(&unfinished).with_context(|| format!("failed to build {}", self.name));
        if built.is_err() {
            drop(fs::remove_file(&unfinished));
        }
        built?;
        fs::rename(&unfinished, path).with_context(|| format!("failed to keep {}", path.display()))?;
        progress.note(self.name, format_args!("built in {}", seconds(start.elapsed())));
        Ok(())
    }

    fn go_build(&self, output: &Path) -> Result<()> {
        let mut command = Command::new("go");
        command.current_dir(self.sources()).stdin(Stdio::null());
        if self.fixed {
            command.env("CGO_ENABLED", "0");
        }
        command.args(["build", "-trimpath", "-ldflags"]).arg(format!("-s -w {}", self.link));
        let done = command.arg("-o").arg(output).arg(self.package).output();
        let done = done.with_context(|| {
            let (major, minor) = needed_go();
            format!("failed to start go: is Go {major}.{minor} or newer on the PATH?")
        })?;
        if !done.status.success() {
            bail!("go build {}:\n{}", self.package, last_lines(&String::from_utf8_lossy(&done.stderr), 20));
        }
        ensure!(output.is_file(), "go build {} left no file", self.package);
        Ok(())
    }
}

/// The Go that builds every tool: the newest that a module asks for.
fn needed_go() -> (u32, u32) {
    let modules = ALL.iter().filter_map(|tool| fs::read_to_string(tool.sources().join("go.mod")).ok());
    modules.filter_map(|module| go_of(&module)).max().unwrap_or_default()
}

/// The `go 1.26.0` of a module's file.
fn go_of(module: &str) -> Option<(u32, u32)> {
    let version = module.lines().find_map(|line| line.strip_prefix("go "))?;
    let mut numbers = version.trim().split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Sees that the cache has these programs, one build at a time.
pub fn ensure_all(tools: &[&Tool], progress: Progress) -> Result<()> {
    for tool in tools {
        tool.ensure(progress)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_imported_by_its_module() {
        for tool in ALL {
            let imports = fs::read_to_string(tool.sources().join("tools.go")).unwrap();
            assert!(imports.contains(&format!("_ \"{}\"", tool.package)), "{}", tool.name);
        }
    }

    #[test]
    fn the_readme_asks_for_the_go_that_the_newest_module_needs() {
        assert_eq!(go_of("module x\n\ngo 1.26.0\n"), Some((1, 26)));
        assert_eq!(go_of("module x\n"), None);
        let (major, minor) = needed_go();
        let readme = fs::read_to_string(paths::workspace().join("README.md")).unwrap();
        assert!(
            readme.contains(&format!("Go {major}.{minor}")),
            "README.md does not name Go {major}.{minor}"
        );
    }

    #[test]
    fn names_are_unique() {
        for (index, tool) in ALL.iter().enumerate() {
            assert!(ALL[..index].iter().all(|other| other.name != tool.name), "{}", tool.name);
        }
    }
}
