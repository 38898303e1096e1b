//! `backup`: make, look at, fetch and delete backups.

pub mod create;
pub mod delete;
pub mod describe;
pub mod download;
pub mod get;
mod logs;

use api::velero::v1;
use clap::Subcommand;

use crate::cli::Globals;
use crate::cli::logs::Logs;
use crate::exit::Exit;

/// The commands about backups.
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Create a backup
    Create(Box<create::Create>),
    /// Get backups
    Get(get::Get),
    /// Describe backups
    Describe(describe::Describe),
    /// Get the log of a backup
    Logs(Logs),
    /// Download all Kubernetes manifests of a backup
    Download(download::Download),
    /// Delete backups
    Delete(delete::Delete),
}

impl Backup {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(globals, called).await,
            Self::Get(command) => command.run(globals, called).await,
            Self::Describe(command) => command.run(globals, called).await,
            Self::Logs(command) => command.run::<v1::Backup>(globals, called).await,
            Self::Download(command) => command.run(globals, called).await,
            Self::Delete(command) => command.run(globals, called).await,
        }
    }
}
