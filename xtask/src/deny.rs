//! What the dependencies are held to: `cargo deny` over `deny.toml`, of a pinned version, built once into the cache.
//!
//! Its check of advisories is left out: it needs a database from the network, and a gate must not fail because the
//! world has changed over night.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use testkit::command::run_command;
use testkit::paths;
use testkit::progress::{Progress, seconds};

/// The version of cargo-deny, which also names its folder in the cache.
const VERSION: &str = "0.20.2";
/// What is checked.
const CHECKS: [&str; 3] = ["bans", "licenses", "sources"];
/// It runs for seconds: what its own release profile would win there takes minutes to build.
const PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
];

/// Checks the workspace's dependencies.
pub(crate) fn check(progress: Progress) -> Result<()> {
    let mut command = Command::new(ensure_built(progress)?);
    command.current_dir(paths::workspace()).args(["--locked", "--log-level", "error", "check"]).args(CHECKS);
    let status = command.status().context("failed to start cargo-deny")?;
    ensure!(status.success(), "the dependencies are not what deny.toml holds them to");
    Ok(())
}

/// The program; builds it first if the cache does not have it.
fn ensure_built(progress: Progress) -> Result<PathBuf> {
    let home = paths::cache().join(format!("cargo-deny-{VERSION}"));
    let program = home.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&home).with_context(|| format!("failed to make {}", home.display()))?;
    let lock = File::create(home.join("build.lock")).context("failed to open the build lock")?;
    lock.lock().context("failed to wait for the build lock")?;
    if !program.is_file() {
        let start = Instant::now();
        progress.note("cargo-deny", "being built, once (minutes)");
        run_command(&mut install(&home)).context("failed to build cargo-deny")?;
        // What the build left besides the program is of no use to anybody, and large.
        drop(fs::remove_dir_all(build_folder(&home)));
        progress.note("cargo-deny", format_args!("built in {}", seconds(start.elapsed())));
    }
    Ok(program)
}

/// Builds the program into `home`, and shares no build folder with the workspace: neither rebuilds what is the other's.
fn install(home: &Path) -> Command {
    let mut install = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    install.args(["install", "--quiet", "--locked", "--root"]).arg(home).arg(format!("cargo-deny@{VERSION}"));
    install.current_dir(paths::workspace()).envs(PROFILE);
    install.env("CARGO_TARGET_DIR", build_folder(home)).env_remove("CARGO_BUILD_TARGET_DIR");
    install
}

fn build_folder(home: &Path) -> PathBuf {
    home.join("build")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_pinned_and_stays_in_the_cache() {
        let command = install(Path::new("/cache/cargo-deny"));
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        assert!(arguments.contains(&"--locked".into()), "{arguments:?}");
        assert_eq!(arguments.last().unwrap(), &format!("cargo-deny@{VERSION}"));
        let target = command.get_envs().find(|(name, _)| *name == "CARGO_TARGET_DIR").unwrap().1.unwrap();
        assert!(Path::new(target).starts_with("/cache/cargo-deny"), "{target:?}");
        assert!(!Path::new(target).starts_with(paths::workspace()));
    }
}
