//! Tools of cargo that the gate needs, kept in the cache.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testkit::paths;
use testkit::progress::Progress;

/// The version of cargo-deny, which also names its folder in the cache.
const DENY: &str = "0.20.2";

/// Checks licences, banned crates and sources. Advisories need a database from the network, and are looked at when
/// dependencies are bumped.
pub(crate) fn deny(progress: Progress) -> Result<()> {
    let program = ensure_deny(progress)?;
    let mut command = Command::new(program);
    command.current_dir(paths::workspace()).args([
        "--log-level",
        "error",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    ensure!(command.status().context("failed to start cargo-deny")?.success(), "cargo deny found problems");
    Ok(())
}

fn ensure_deny(progress: Progress) -> Result<PathBuf> {
    let root = paths::cache().join(format!("cargo-deny-{DENY}"));
    let program = root.join("bin/cargo-deny");
    if !program.is_file() {
        progress.note("cargo-deny", "being built, once (minutes)");
        let mut install = Command::new("cargo");
        install
            .args(["install", "--quiet", "--locked", "--root"])
            .arg(&root)
            .arg(format!("cargo-deny@{DENY}"));
        install.env("CARGO_TARGET_DIR", paths::cache().join("cargo-deny-build"));
        ensure!(
            install.status().context("failed to start cargo install")?.success(),
            "cargo-deny was not built"
        );
    }
    Ok(program)
}
