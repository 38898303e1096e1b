//! The real Velero: as a command on the host, and as images in a cluster.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cluster::Cluster;
use crate::command::run_command;
use crate::images::{self, Config, Image, Layer, LayerBuilder};
use crate::progress::Progress;
use crate::s3::{REGION, S3};
use crate::tools::{Tool, VELERO, VELERO_PLUGIN_FOR_AWS};

/// The image of the server.
pub const IMAGE: &str = "local/velero:v1.18.3";
/// The image of the S3 plugin.
pub const PLUGIN_IMAGE: &str = "local/velero-plugin-for-aws:v1.14.3";

/// The `velero` command, built first if need be.
pub fn command(progress: Progress) -> Result<PathBuf> {
    VELERO.ensure(progress)
}

/// Loads the images into a cluster.
pub fn load_images(cluster: &Cluster, progress: Progress) -> Result<()> {
    let images = [server_image(progress)?, plugin_image(progress)?];
    progress.block("images of velero", || images::load(cluster.layout(), &images, true))
}

fn server_image(progress: Progress) -> Result<Image> {
    let config = Config {
        entrypoint: vec!["/velero".to_owned()],
        environment: vec!["PATH=/usr/sbin:/usr/bin:/sbin:/bin".to_owned()],
        user: "65532:65532".to_owned(),
        folder: "/".to_owned(),
        ..Config::default()
    };
    let layers = vec![images::base(progress)?, layer(&VELERO, "velero", progress)?];
    Ok(Image { reference: IMAGE.to_owned(), layers, config })
}

/// As an init container it copies its program to `/target`.
fn plugin_image(progress: Progress) -> Result<Image> {
    let config = Config {
        entrypoint: ["/bin/cp", "/plugins/velero-plugin-for-aws", "/target/velero-plugin-for-aws"]
            .map(str::to_owned)
            .to_vec(),
        environment: vec!["PATH=/usr/sbin:/usr/bin:/sbin:/bin".to_owned()],
        user: "65532:65532".to_owned(),
        ..Config::default()
    };
    let program = layer(&VELERO_PLUGIN_FOR_AWS, "plugins/velero-plugin-for-aws", progress)?;
    Ok(Image { reference: PLUGIN_IMAGE.to_owned(), layers: vec![images::base(progress)?, program], config })
}

fn layer(tool: &Tool, at: &str, progress: Progress) -> Result<Layer> {
    let program = tool.ensure(progress)?;
    let pins = program
        .parent()
        .and_then(|folder| folder.file_name())
        .context("failed to name the cache's folder")?;
    Layer::cached(&format!("{}-{}", tool.name, pins.to_string_lossy()), |path| {
        let mut layer = LayerBuilder::create(path)?;
        layer.copy(at, 0o755, &program)?;
        layer.finish()
    })
}

/// Installs the real Velero into a namespace, with one location on an S3 server, and waits until it runs.
pub fn install(cluster: &Cluster, namespace: &str, s3: &S3, bucket: &str, prefix: &str) -> Result<()> {
    let credentials = cluster.layout().write_config(&format!("velero-{namespace}"), s3.credentials_file())?;
    s3.make_bucket(bucket)?;
    let mut command = Command::new(VELERO.path()?);
    command.env("KUBECONFIG", cluster.kubeconfig()).arg("install");
    command.args(["--namespace", namespace, "--image", IMAGE, "--plugins", PLUGIN_IMAGE]);
    command.args(["--provider", "aws", "--use-volume-snapshots=false", "--wait"]);
    command.args(["--bucket", bucket, "--prefix", prefix]).arg("--secret-file").arg(credentials);
    command.arg("--backup-location-config");
    command.arg(format!("region={REGION},s3ForcePathStyle=true,s3Url={}", s3.endpoint));
    run_command(&mut command).context("failed to install the real Velero").map(drop)
}
