//! `backup-location`: make, look at, change and delete the places that hold backups.

pub mod create;
pub mod delete;
pub mod get;
pub mod set;

use std::path::Path;

use anyhow::{Context, bail};
use api::Kind;
use api::refs::SecretKeySelector;
use api::velero::v1::BackupStorageLocation;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Subcommand;
use cluster::typed;

use crate::cli::values::Pairs;
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// The commands about backup storage locations.
#[derive(Debug, Subcommand)]
pub enum BackupLocation {
    /// Create a backup storage location
    Create(create::Create),
    /// Get backup storage locations
    Get(get::Get),
    /// Change a backup storage location
    Set(set::Set),
    /// Delete backup storage locations
    Delete(delete::Delete),
}

impl BackupLocation {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(globals, called).await,
            Self::Get(command) => command.run(globals, called).await,
            Self::Set(command) => command.run(globals, called).await,
            Self::Delete(command) => command.run(globals, called).await,
        }
    }
}

/// The Secret of a `--credential` flag, `NAME=KEY`.
fn credential(pairs: &Pairs) -> anyhow::Result<Option<SecretKeySelector>> {
    let mut pairs = pairs.0.iter();
    let selector = pairs.next().map(|(name, key)| SecretKeySelector {
        key: key.clone(),
        name: name.clone(),
        ..SecretKeySelector::default()
    });
    if pairs.next().is_some() {
        bail!("--credential can only contain 1 key/value pair");
    }
    Ok(selector)
}

/// The certificates of a file, as locations hold them.
fn certificates(file: &Path) -> anyhow::Result<String> {
    let content = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    Ok(BASE64_STANDARD.encode(content))
}

/// The names of the default locations besides one.
async fn other_defaults(session: &Session, name: &str) -> anyhow::Result<Vec<String>> {
    let all: Vec<BackupStorageLocation> = typed::list(&session.cluster, &session.namespace, "").await?;
    let others = all.iter().filter(|location| location.spec.default && location.name() != name);
    Ok(others.map(|location| location.name().to_owned()).collect())
}
