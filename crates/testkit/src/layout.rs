//! Where a local cluster keeps its files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The folder that holds one folder for each cluster: process ids, sockets, certificates, logs.
pub const RUN: &str = "/run/salvor";
/// The same for what is big, or must lie on a file system that allows programs: etcd, containerd, volumes.
pub const DATA: &str = "/var/lib/salvor";

/// The files of one cluster.
#[derive(Debug, Clone)]
pub struct Layout {
    name: String,
    run: PathBuf,
    data: PathBuf,
}

impl Layout {
    /// The files of the cluster of that name.
    pub fn new(name: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = !name.is_empty() && name.len() <= 30 && name.chars().all(plain) && !name.starts_with('-');
        ensure!(good, "{name:?} cannot name a cluster: use up to 30 lower-case letters, digits and dashes");
        Ok(Self { name: name.to_owned(), run: Path::new(RUN).join(name), data: Path::new(DATA).join(name) })
    }

    /// The clusters that have files on this machine.
    pub fn existing() -> Vec<String> {
        let mut names: Vec<String> = [RUN, DATA]
            .into_iter()
            .filter_map(|root| fs::read_dir(root).ok())
            .flat_map(Iterator::flatten)
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its network namespace.
    pub fn netns(&self) -> String {
        format!("salvor-{}", self.name)
    }

    /// The path that holds its network namespace.
    pub fn netns_path(&self) -> PathBuf {
        Path::new("/run/netns").join(self.netns())
    }

    /// The name of its node.
    pub fn node(&self) -> String {
        format!("{}-1", self.name)
    }

    /// The root of its control groups.
    pub fn cgroup(&self) -> String {
        format!("/salvor-{}", self.name)
    }

    /// The folder of small files.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// The folder of big files.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The kubeconfig of the administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.run.join("kubeconfig")
    }

    /// The kubeconfig of a component.
    pub fn kubeconfig_of(&self, user: &str) -> PathBuf {
        self.pki().join(format!("{user}.kubeconfig"))
    }

    /// The folder of certificates and keys.
    pub fn pki(&self) -> PathBuf {
        self.run.join("pki")
    }

    /// The log of a process.
    pub fn log(&self, process: &str) -> PathBuf {
        self.run.join("log").join(format!("{process}.log"))
    }

    /// What the API server records of every request.
    pub fn audit_log(&self) -> PathBuf {
        self.data.join("audit.jsonl")
    }

    /// The record of a running process.
    pub fn pid_file(&self, process: &str) -> PathBuf {
        self.run.join("pid").join(process)
    }

    /// A configuration file.
    pub fn config(&self, file: &str) -> PathBuf {
        self.run.join("config").join(file)
    }

    /// The socket of containerd.
    pub fn containerd_socket(&self) -> PathBuf {
        self.run.join("containerd.sock")
    }

    /// Makes the folders.
    pub fn create(&self) -> Result<()> {
        let folders = ["log", "pid", "pki", "config"].map(|name| self.run.join(name));
        for folder in folders.iter().chain([&self.data]) {
            fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        }
        Ok(())
    }

    /// Writes a configuration file; its path.
    pub fn write_config(&self, file: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.config(file);
        fs::write(&path, content).with_context(|| format!("failed to write {}", path.display()))?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_the_folder_are_refused() {
        for bad in ["", "../x", "a/b", "Upper", "-a", "a_b", &"x".repeat(31)] {
            assert!(Layout::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Layout::new("dev").unwrap().kubeconfig(), Path::new("/run/salvor/dev/kubeconfig"));
    }
}
