//! `cargo xtask cluster up|down`: a real control plane and a real node on this machine.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::{Args, Subcommand};
use testkit::cluster::{Cluster, DEFAULT_NAME};
use testkit::progress::{Progress, seconds};
use testkit::s3::S3;
use testkit::velero;

use crate::image;

/// What to do with a cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Brings a cluster up; one that is up stays.
    Up(Up),
    /// Takes a cluster down, whatever state it is in.
    Down(Name),
}

/// Which cluster.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The cluster's name: several run side by side.
    #[arg(long, default_value = DEFAULT_NAME)]
    name: String,
}

/// How to bring a cluster up.
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    name: Name,
    /// Loads the images of an archive (of `docker save`, or an OCI layout in a tar), where else Salvor's is built and loaded.
    #[arg(long, value_name = "ARCHIVE", conflicts_with = "no_image")]
    image: Option<PathBuf>,
    /// Loads no image of Salvor, and so compiles nothing.
    #[arg(long)]
    no_image: bool,
    /// Also start an S3 server that the host and the pods reach.
    #[arg(long)]
    s3: bool,
    /// Also load images of the real Velero and its S3 plugin.
    #[arg(long)]
    velero: bool,
}

/// Does it.
pub(crate) async fn run(verb: &Verb) -> Result<()> {
    match verb {
        Verb::Up(options) => up(options).await,
        Verb::Down(Name { name }) => Cluster::down(name, Progress::shown()).await,
    }
}

async fn up(options: &Up) -> Result<()> {
    let (start, progress, name) = (Instant::now(), Progress::shown(), &options.name.name);
    let cluster = Cluster::up(name, progress).await?;
    match &options.image {
        Some(archive) => {
            let imported = progress.block("loading images", || cluster.import(archive))?;
            println!("{}", imported.trim());
        }
        None if options.no_image => {}
        None => image::load(&cluster, progress)?,
    }
    if options.velero {
        velero::load_images(&cluster, progress)?;
    }
    let s3 = if options.s3 { Some(S3::start(&cluster, progress).await?) } else { None };
    println!("\nUp in {}. To use it:", seconds(start.elapsed()));
    println!("  export KUBECONFIG={}", cluster.kubeconfig().display());
    if let Some(s3) = s3 {
        println!("  export SALVOR_TEST_S3={}", s3.to_url());
    }
    println!("  cargo xtask cluster down --name {name}");
    Ok(())
}
