//! `cargo xtask image`: Salvor's own image.

use anyhow::{Context, Result};
use clap::Args;
use testkit::cluster::Cluster;
use testkit::progress::Progress;
use testkit::salvor_image;

/// Where the image goes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Also load it into the local cluster of this name.
    #[arg(long, value_name = "CLUSTER")]
    load: Option<String>,
    /// Build with the release profile.
    #[arg(long)]
    release: bool,
}

/// Builds the image, and loads it where asked.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let progress = Progress::shown();
    let image = salvor_image::build(options.release, progress)?;
    let layout = salvor_image::write_layout(&image, progress)?;
    println!("{} is in {}", image.reference, layout.display());
    if let Some(name) = &options.load {
        let cluster = Cluster::running(name).await?.with_context(|| format!("cluster {name} is not up"))?;
        progress.block("loading it", || cluster.load(&[salvor_image::local(&image)]))?;
        println!("{} is in cluster {name}", salvor_image::LOCAL);
    }
    Ok(())
}

/// Builds the image and loads it into a cluster.
pub(crate) fn load(cluster: &Cluster, progress: Progress) -> Result<()> {
    let image = salvor_image::build(false, progress)?;
    progress.block("loading salvor", || cluster.load(&[salvor_image::local(&image)]))
}
