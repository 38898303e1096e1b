//! Salvor's own image: the program on a small Debian.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::run_command;
use crate::images::{self, Config, Image, Layer, LayerBuilder};
use crate::paths;
use crate::progress::Progress;

/// The name by which local clusters know it.
pub const LOCAL: &str = "local/salvor:dev";
/// Nobody: the user that it runs as.
const USER: &str = "65532";

/// Compiles the program and makes its image.
pub fn build(release: bool, progress: Progress) -> Result<Image> {
    let program = progress.block("compiling salvor", || compile(release))?;
    let base = images::base(progress)?;
    progress.block("image of salvor", || of_program(base, &program))
}

/// Compiles the program; where it is.
pub fn compile(release: bool) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(paths::workspace()).args(["build", "--quiet", "--bin", "salvor"]);
    if release {
        // Alone, so that what only tests need is not in it; else with the dependencies that the tests have compiled.
        command.args(["--release", "--package", "salvor"]);
        // Not in development, where every commit would compile the program anew.
        command.envs(commit().map(|commit| ("SALVOR_GIT_COMMIT", commit)));
    }
    // Its messages go to the terminal: a person waits for them.
    let status = command.status().context("failed to start cargo")?;
    ensure!(status.success(), "cargo build failed with {status}");
    Ok(compiled(release))
}

/// The commit of the checkout; one with changes says so, as Velero's do.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        run_command(git.current_dir(paths::workspace()).args(arguments)).ok()
    };
    let state = if git(&["status", "--porcelain"])?.is_empty() { "" } else { "-dirty" };
    Some(format!("{}{state}", git(&["rev-parse", "HEAD"])?.trim()))
}

fn compiled(release: bool) -> PathBuf {
    target().join(if release { "release" } else { "debug" }).join("salvor")
}

/// The program as it was compiled last, or else the one on the PATH.
pub fn program() -> PathBuf {
    Some(compiled(false)).filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("salvor"))
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| paths::workspace().join("target"), PathBuf::from)
}

/// The image of a compiled program.
pub fn of_program(base: Layer, program: &std::path::Path) -> Result<Image> {
    let folder = target().join("image-layer");
    std::fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let path = folder.join("salvor.tar");
    // A layout may hold a link to the file of the build before: that one must stay as it is.
    drop(std::fs::remove_file(&path));
    let mut layer = LayerBuilder::create(&path)?;
    layer.copy("salvor", 0o755, program)?;
    layer.symlink("velero", "salvor")?;
    layer.folder("tmp", 0o1777)?;
    layer.finish()?;
    let config = Config {
        entrypoint: vec!["/salvor".to_owned()],
        environment: vec![
            "PATH=/:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            // Memory that many threads share goes back to the system sooner: a fifth less at the peak of a backup.
            "MALLOC_ARENA_MAX=1".to_owned(),
        ],
        user: format!("{USER}:{USER}"),
        folder: "/".to_owned(),
        labels: vec![
            ("org.opencontainers.image.title".to_owned(), "salvor".to_owned()),
            ("org.opencontainers.image.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("org.opencontainers.image.licenses".to_owned(), env!("CARGO_PKG_LICENSE").to_owned()),
        ],
        ..Config::default()
    };
    let reference = concat!("salvor:", env!("CARGO_PKG_VERSION")).to_owned();
    Ok(Image { reference, layers: vec![base, Layer::open(path)?], config })
}

/// The same image under the name that local clusters know.
pub fn local(image: &Image) -> Image {
    Image { reference: LOCAL.to_owned(), ..image.clone() }
}

/// Writes the image as an OCI layout; its folder.
pub fn write_layout(image: &Image, progress: Progress) -> Result<PathBuf> {
    let folder = paths::workspace().join("target/image");
    progress.block("OCI layout", || image.oci_layout(&folder))?;
    Ok(folder)
}
