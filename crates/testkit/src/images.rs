//! Container images that are made on the spot, because no registry can be reached: out of programs, and of Debian
//! packages.

mod archive;
mod debian;
mod layer;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

pub use archive::{Config, Image};
pub use debian::base;
pub use layer::{Layer, LayerBuilder};

use crate::command::{run, run_command};
use crate::layout::Layout;
use crate::paths;
use crate::progress::Progress;

/// Holds the namespaces of a pod.
pub const PAUSE: &str = "local/pause:1";
/// A shell and small tools. Its `wget` crashes: use `nc`.
pub const BUSYBOX: &str = "local/busybox:1";
/// Redis, from Debian.
pub const REDIS: &str = "local/redis:1";

/// The images that a cluster has from the start.
pub fn standard(progress: Progress) -> Result<Vec<Image>> {
    Ok(vec![busybox(PAUSE, &["/bin/sleep", "infinity"])?, busybox(BUSYBOX, &[])?, redis(progress)?])
}

fn busybox(reference: &str, entrypoint: &[&str]) -> Result<Image> {
    let program = fs::read("/bin/busybox").context("failed to read busybox")?;
    let layer =
        Layer::cached(&format!("busybox-{}", short_digest(&program)), |path| busybox_layer(path, &program))?;
    let config = Config {
        entrypoint: entrypoint.iter().map(|word| (*word).to_owned()).collect(),
        command: if entrypoint.is_empty() { vec!["sh".to_owned()] } else { Vec::new() },
        environment: vec!["PATH=/bin".to_owned()],
        ..Config::default()
    };
    Ok(Image { reference: reference.to_owned(), layers: vec![layer], config })
}

fn busybox_layer(path: &Path, program: &[u8]) -> Result<()> {
    let mut layer = LayerBuilder::create(path)?;
    for (folder, mode) in [("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777)] {
        layer.folder(folder, mode)?;
    }
    layer.file("bin/busybox", 0o755, program)?;
    for applet in run("/bin/busybox", ["--list"])?.lines().filter(|applet| *applet != "busybox") {
        layer.symlink(&format!("bin/{applet}"), "busybox")?;
    }
    layer.file("etc/passwd", 0o644, b"root:x:0:0:root:/:/bin/sh\n")?;
    layer.file("etc/group", 0o644, b"root:x:0:\n")?;
    layer.finish()
}

fn redis(progress: Progress) -> Result<Image> {
    let config = Config {
        entrypoint: vec!["/usr/bin/redis-server".to_owned()],
        command: ["--protected-mode", "no", "--save", ""].map(str::to_owned).to_vec(),
        environment: vec!["PATH=/usr/sbin:/usr/bin:/sbin:/bin".to_owned()],
        ..Config::default()
    };
    let layer = debian::layer("redis", &["redis-server", "redis-tools"], progress)?;
    Ok(Image { reference: REDIS.to_owned(), layers: vec![layer], config })
}

/// Imports images into a cluster; those that it has and that are `fixed` stay.
pub fn load(layout: &Layout, images: &[Image], fixed: bool) -> Result<()> {
    let present = run_command(ctr(layout).args(["images", "list", "--quiet"]))?;
    let has = |image: &Image| present.lines().any(|line| line.ends_with(&format!("/{}", image.reference)));
    for image in images.iter().filter(|image| !(fixed && has(image))) {
        let archive = image.docker_archive(layout.data())?;
        let loaded = import(layout, &archive);
        drop(fs::remove_file(&archive));
        loaded.with_context(|| format!("failed to import {}", image.reference))?;
    }
    Ok(())
}

/// Imports the images of an archive, as `docker save` writes them or as an OCI layout in a tar; what was imported.
pub(crate) fn import(layout: &Layout, archive: &Path) -> Result<String> {
    run_command(ctr(layout).args(["images", "import"]).arg(archive))
}

/// Whether containerd answers.
pub(crate) fn answers(layout: &Layout) -> Result<(), String> {
    run_command(ctr(layout).args(["--connect-timeout", "2s", "version"]))
        .map(drop)
        .map_err(|error| error.to_string())
}

fn ctr(layout: &Layout) -> Command {
    let mut command = Command::new("ctr");
    command.arg("--address").arg(layout.containerd_socket()).args(["--namespace", "k8s.io"]);
    command
}

fn folder() -> Result<PathBuf> {
    let folder = paths::cache().join("images");
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    Ok(folder)
}

fn short_digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))[..16].to_owned()
}
