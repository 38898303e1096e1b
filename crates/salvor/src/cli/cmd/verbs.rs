//! The forms that begin with the verb, `get backups` for `backup get`: the same commands.

use clap::Subcommand;

use super::{backup, backup_location, plugin, restore};
use crate::cli::Globals;
use crate::exit::Exit;

/// `get`.
#[derive(Debug, Subcommand)]
pub enum Get {
    /// Get backups
    #[command(visible_alias = "backup")]
    Backups(backup::get::Get),
    /// Get restores
    #[command(visible_alias = "restore")]
    Restores(restore::get::Get),
    /// Get backup storage locations
    #[command(visible_alias = "backup-location")]
    BackupLocations(backup_location::get::Get),
    /// Get the server's plugins
    #[command(visible_alias = "plugin")]
    Plugins(plugin::get::Get),
}

impl Get {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        match self {
            Self::Backups(command) => command.run(globals, called).await,
            Self::Restores(command) => command.run(globals, called).await,
            Self::BackupLocations(command) => command.run(globals, called).await,
            Self::Plugins(command) => command.run(globals, called).await,
        }
    }
}

/// `describe`.
#[derive(Debug, Subcommand)]
pub enum Describe {
    /// Describe backups
    #[command(visible_alias = "backup")]
    Backups(backup::describe::Describe),
    /// Describe restores
    #[command(visible_alias = "restore")]
    Restores(restore::describe::Describe),
}

impl Describe {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        match self {
            Self::Backups(command) => command.run(globals, called).await,
            Self::Restores(command) => command.run(globals, called).await,
        }
    }
}

/// `create`.
#[derive(Debug, Subcommand)]
pub enum Create {
    /// Create a backup
    Backup(Box<backup::create::Create>),
    /// Create a restore
    Restore(Box<restore::create::Create>),
    /// Create a backup storage location
    BackupLocation(Box<backup_location::create::Create>),
}

impl Create {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        match self {
            Self::Backup(command) => command.run(globals, called).await,
            Self::Restore(command) => command.run(globals, called).await,
            Self::BackupLocation(command) => command.run(globals, called).await,
        }
    }
}

/// `delete`.
#[derive(Debug, Subcommand)]
pub enum Delete {
    /// Delete backups
    #[command(visible_alias = "backups")]
    Backup(backup::delete::Delete),
    /// Delete restores
    #[command(visible_alias = "restores")]
    Restore(restore::delete::Delete),
    /// Delete backup storage locations
    #[command(visible_alias = "backup-locations")]
    BackupLocation(backup_location::delete::Delete),
}

impl Delete {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        match self {
            Self::Backup(command) => command.run(globals, called).await,
            Self::Restore(command) => command.run(globals, called).await,
            Self::BackupLocation(command) => command.run(globals, called).await,
        }
    }
}
