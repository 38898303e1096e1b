//! Microsoft's emulator of Azure Blob Storage, beside a cluster.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::cluster::Cluster;
use crate::command::run_command;
use crate::process::{Process, detached, start};
use crate::progress::Progress;
use crate::{packages, paths};

/// Its port.
const PORT: u16 = 7080;
/// A container that it has from the start.
const CONTAINER: &str = "tests";
/// The account that every emulator has, and its key, as Microsoft publishes them.
const ACCOUNT: (&str, &str) = (
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
);

/// Starts one; one that runs already stays. Its location, as `http://ACCOUNT:KEY@HOST:PORT/CONTAINER`.
pub async fn start_beside(cluster: &Cluster, progress: Progress) -> Result<String> {
    let (layout, host) = (cluster.layout(), cluster.subnet().host().to_string());
    let program = ensure(progress)?;
    let running = Process::recorded(layout, "azurite").is_some_and(|process| process.alive());
    if !running {
        progress.step("azure emulator", launch(cluster, &program, &host)).await?;
    }
    let (account, key) = ACCOUNT;
    let key = key.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
    Ok(format!("http://{account}:{key}@{host}:{PORT}/{CONTAINER}"))
}

async fn launch(cluster: &Cluster, program: &std::path::Path, host: &str) -> Result<()> {
    let folder = cluster.layout().data().join("azurite");
    fs::create_dir_all(&folder).context("failed to make the folder of the emulator")?;
    let mut command = detached(&program.join("node_modules/.bin/azurite-blob"));
    command.args(["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--blobHost", host]);
    command.args(["--blobPort", &PORT.to_string(), "--location"]).arg(&folder);
    start(cluster.layout(), "azurite", &mut command)?.listens(&format!("{host}:{PORT}")).await?;
    let (account, key) = ACCOUNT;
    let connection = format!(
        "DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};\
         BlobEndpoint=http://{host}:{PORT}/{account};"
    );
    let mut make = Command::new("node");
    make.current_dir(program).args(["container.js", &connection, CONTAINER]);
    run_command(&mut make).context("failed to make the emulator's container")?;
    Ok(())
}

/// Where it is installed, in a folder named after the digest of what pins it; installs it first if it is not there.
fn ensure(progress: Progress) -> Result<PathBuf> {
    let sources = paths::workspace().join("tools/azurite");
    let lock =
        fs::read(sources.join("package-lock.json")).context("failed to read what pins the emulator")?;
    let program = paths::cache().join(&hex::encode(Sha256::digest(lock))[..16]);
    if !program.join("node_modules/.bin/azurite-blob").exists() {
        packages::ensure_node(progress)?;
        progress.block("installing the azure emulator", || install(&sources, &program))?;
    }
    Ok(program)
}

fn install(sources: &std::path::Path, program: &std::path::Path) -> Result<()> {
    fs::create_dir_all(program).with_context(|| format!("failed to make {}", program.display()))?;
    for name in ["package.json", "package-lock.json", "container.js"] {
        fs::copy(sources.join(name), program.join(name)).with_context(|| format!("failed to copy {name}"))?;
    }
    let mut command = Command::new("npm");
    command.current_dir(program).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
    run_command(&mut command).map(drop)
}
