//! What a developer of Salvor asks for: a cluster, an image, tests, figures. One file a verb.

mod bench;
mod cluster;
mod codegen;
mod demo;
mod deny;
mod files;
mod fuzz;
mod image;
mod source;
mod stats;
mod test;
mod tidy;

use std::path::PathBuf;
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
    /// Measures Salvor beside Velero.
    #[command(subcommand)]
    Bench(bench::Verb),
    /// Brings a real local cluster up, or takes it down.
    #[command(subcommand)]
    Cluster(cluster::Verb),
    /// Writes what is generated from the code: deploy/crds.
    Codegen(codegen::Options),
    /// Backs an application up, loses it and gets it back, on a real cluster.
    Demo(demo::Options),
    /// Builds Salvor's image, as an OCI layout under target/image.
    Image(image::Options),
    /// Shows how large the crates are, and how long their functions and files.
    Stats,
    /// Checks the rules of the project that no compiler knows.
    Tidy,
    /// Runs everything that guards the main branch, or one suite of it.
    Test(test::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Xtask::parse().verb {
        Verb::Bench(verb) => bench::run(&verb).await,
        Verb::Cluster(verb) => cluster::run(&verb).await,
        Verb::Codegen(options) => codegen::run(&options),
        Verb::Demo(options) => demo::run(&options).await,
        Verb::Image(options) => image::run(&options).await,
        Verb::Stats => stats::run(&checkout()),
        Verb::Tidy => tidy::run(&checkout()),
        Verb::Test(options) => test::run(&options).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the checkout.
fn checkout() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}
