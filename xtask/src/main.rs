//! What a developer of Salvor asks for: a cluster, an image, tests, figures. One file a verb.

mod cluster;
mod image;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The verbs of a developer.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, about)]
struct Xtask {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Brings a real local cluster up, or takes it down.
    #[command(subcommand)]
    Cluster(cluster::Verb),
    /// Builds Salvor's image, as an OCI layout under target/image.
    Image(image::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Xtask::parse().verb {
        Verb::Cluster(verb) => cluster::run(&verb).await,
        Verb::Image(options) => image::run(&options).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
