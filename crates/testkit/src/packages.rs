//! What a cluster takes from Debian.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::run_command;
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

/// Installs what is missing; without being root, says exactly what is.
pub fn ensure(progress: Progress) -> Result<()> {
    let missing =
        missing(|file| Path::new(file).exists() || Path::new(file.trim_start_matches("/usr")).exists());
    if missing.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        bail!("these packages are missing; install them with: apt-get install {}", missing.join(" "));
    }
    progress.block(&format!("installing {}", missing.join(" ")), || install(&missing))
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
