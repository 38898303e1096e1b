//! `cargo xtask bench NAME`: measured beside the peers, on the same machine, API server and store. Each prints a table and
//! writes `target/bench/NAME.json`.

mod bystander;
mod contender;
mod figures;
mod load;
mod memory;
mod objects;
mod usage;
mod volumes;

use anyhow::Result;
use clap::Subcommand;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Backup and restore of objects, without data: time, memory and processor time, beside Velero as it is installed,
    /// Velero tuned, and the API server's own rate.
    Objects(objects::Options),
    /// More than a gigabyte of objects, by a server that may use 128 MiB.
    Memory(memory::Options),
    /// Backup and restore of volumes' data, in folders and on an S3 server that answers late: time and memory, beside kopia and restic.
    Volumes(volumes::Options),
}

/// Runs a bench.
pub(crate) async fn run(verb: &Verb) -> Result<()> {
    match verb {
        Verb::Objects(options) => objects::run(options).await,
        Verb::Memory(options) => memory::run(options).await,
        Verb::Volumes(options) => volumes::run(options).await,
    }
}
