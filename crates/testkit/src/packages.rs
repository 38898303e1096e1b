//! What a cluster takes from Debian.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{run, run_command};
use crate::progress::Progress;

/// A package and a file by which it is known to be there.
#[derive(Debug)]
struct Package {
    name: &'static str,
    file: &'static str,
}

const PACKAGES: &[Package] = &[
    Package { name: "containerd", file: "/usr/bin/containerd" },
    Package { name: "runc", file: "/usr/sbin/runc" },
    Package { name: "containernetworking-plugins", file: "/usr/lib/cni/bridge" },
    Package { name: "iptables", file: "/usr/sbin/iptables" },
    Package { name: "conntrack", file: "/usr/sbin/conntrack" },
    Package { name: "iproute2", file: "/usr/sbin/ip" },
    Package { name: "util-linux", file: "/usr/bin/nsenter" },
    Package { name: "mount", file: "/usr/bin/mount" },
    Package { name: "busybox-static", file: "/usr/bin/busybox" },
    Package { name: "mmdebstrap", file: "/usr/bin/mmdebstrap" },
];

/// Installs what is missing.
pub fn ensure(progress: Progress) -> Result<()> {
    let missing = missing(is_there);
    if missing.is_empty() {
        return Ok(());
    }
    progress.block(&format!("installing {}", missing.join(" ")), || install(&missing))
}

/// Installs Node with its package manager, where it is not there.
pub fn ensure_node(progress: Progress) -> Result<()> {
    if run("npm", ["--version"]).is_ok() {
        return Ok(());
    }
    progress.block("installing npm", || install(&["npm"]))
}

/// What is missing, for those who may not install it, as the end of a sentence; empty where nothing is.
pub fn what_is_missing() -> String {
    match missing(is_there).as_slice() {
        [] => String::new(),
        missing => {
            format!(". It also needs packages that are missing here: apt-get install {}", missing.join(" "))
        }
    }
}

fn is_there(file: &str) -> bool {
    Path::new(file).exists() || Path::new(file.trim_start_matches("/usr")).exists()
}

fn missing(there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    PACKAGES.iter().filter(|package| !there(package.file)).map(|package| package.name).collect()
}

fn install(packages: &[&str]) -> Result<()> {
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        run_command(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    let attempt = || apt(&[&["install", "-y", "--no-install-recommends"], packages].concat());
    if attempt().is_err() {
        // The lists of a fresh machine are empty or old.
        apt(&["update"]).context("failed to refresh the package lists")?;
        attempt().with_context(|| format!("failed to install {}", packages.join(" ")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_named() {
        assert_eq!(missing(|file| file != "/usr/sbin/runc"), ["runc"]);
        assert!(missing(|_| true).is_empty());
    }
}
