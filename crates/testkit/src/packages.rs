//! What a cluster takes from Debian.

use std::fs;
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
    /// Whether the file must be a program that needs no other file.
    fixed: bool,
}

impl Package {
    const fn of(name: &'static str, file: &'static str) -> Self {
        Self { name, file, fixed: false }
    }

    fn is_there(&self) -> bool {
        let is_good = |path: &Path| {
            if self.fixed { fs::read(path).is_ok_and(|file| is_static(&file)) } else { path.exists() }
        };
        is_good(Path::new(self.file)) || is_good(Path::new(self.file.trim_start_matches("/usr")))
    }
}

const PACKAGES: &[Package] = &[
    Package::of("containerd", "/usr/bin/containerd"),
    Package::of("runc", "/usr/sbin/runc"),
    Package::of("containernetworking-plugins", "/usr/lib/cni/bridge"),
    Package::of("iptables", "/usr/sbin/iptables"),
    Package::of("conntrack", "/usr/sbin/conntrack"),
    Package::of("iproute2", "/usr/sbin/ip"),
    Package::of("util-linux", "/usr/bin/nsenter"),
    Package::of("mount", "/usr/bin/mount"),
    // Debian's `busybox` has the same path, and loads libraries that an image does not have.
    Package { name: "busybox-static", file: "/usr/bin/busybox", fixed: true },
    Package::of("mmdebstrap", "/usr/bin/mmdebstrap"),
];

/// Installs what is missing.
pub fn ensure(progress: Progress) -> Result<()> {
    let missing = missing(Package::is_there);
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
    match missing(Package::is_there).as_slice() {
        [] => String::new(),
        missing => {
            format!(". It also needs packages that are missing here: apt-get install {}", missing.join(" "))
        }
    }
}

/// Whether a program is an ELF of 64 bits that asks for no interpreter, which is what loads shared libraries.
fn is_static(program: &[u8]) -> bool {
    const IDENTITY: &[u8] = b"\x7fELF\x02\x01";
    const INTERPRETER: u64 = 3;
    let number = |at: usize, length: usize| {
        let bytes = program.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    let kinds = || {
        let (table, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
        let kind = |index| number(usize::try_from(table.checked_add(index * size)?).ok()?, 4);
        (0..count).map(kind).collect::<Option<Vec<_>>>()
    };
    program.starts_with(IDENTITY) && kinds().is_some_and(|kinds| !kinds.contains(&INTERPRETER))
}

fn missing(there: impl Fn(&Package) -> bool) -> Vec<&'static str> {
    PACKAGES.iter().filter(|package| !there(package)).map(|package| package.name).collect()
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
        assert_eq!(missing(|package| package.file != "/usr/sbin/runc"), ["runc"]);
        assert!(missing(|_| true).is_empty());
    }

    /// The headers of a program with segments of these kinds.
    fn program(kinds: &[u8]) -> Vec<u8> {
        let mut program = b"\x7fELF\x02\x01".to_vec();
        program.resize(64, 0);
        (program[0x20], program[0x36], program[0x38]) = (64, 56, u8::try_from(kinds.len()).unwrap());
        for kind in kinds {
            program.push(*kind);
            program.resize(program.len() + 55, 0);
        }
        program
    }

    #[test]
    fn a_program_that_loads_libraries_is_not_static() {
        assert!(is_static(&program(&[1, 1, 7])));
        assert!(!is_static(&program(&[6, 3, 1, 1, 2])));
        assert!(!is_static(&program(&[1, 1, 7])[..100]));
        assert!(!is_static(b"#!/bin/sh\n"));
        // The test itself is linked with the C library, as a busybox of the package `busybox` is.
        assert!(!is_static(&fs::read("/proc/self/exe").unwrap()));
    }
}
