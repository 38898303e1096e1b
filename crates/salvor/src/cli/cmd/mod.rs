//! The commands, a file each.

pub mod backup;
pub mod backup_location;
pub mod client_config;
pub mod completion;
pub mod install;
pub mod plugin;
pub mod repo;
pub mod restore;
pub mod uninstall;
pub mod verbs;
pub mod version;

use clap::Subcommand;

use super::Globals;
use crate::exit::Exit;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Work with backups
    #[command(subcommand, arg_required_else_help = true)]
    Backup(backup::Backup),
    /// Work with restores
    #[command(subcommand, arg_required_else_help = true)]
    Restore(restore::Restore),
    /// Work with backup storage locations
    #[command(subcommand, arg_required_else_help = true)]
    BackupLocation(backup_location::BackupLocation),
    /// Look at the server's plugins
    #[command(subcommand, arg_required_else_help = true)]
    Plugin(plugin::Plugin),
    /// Work on a repository of volumes' data, with or without a cluster
    #[command(subcommand, arg_required_else_help = true)]
    Repo(Box<repo::Repo>),
    /// Get things
    #[command(subcommand, arg_required_else_help = true)]
    Get(verbs::Get),
    /// Describe things
    #[command(subcommand, arg_required_else_help = true)]
    Describe(verbs::Describe),
    /// Create things
    #[command(subcommand, arg_required_else_help = true)]
    Create(verbs::Create),
    /// Delete things
    #[command(subcommand, arg_required_else_help = true)]
    Delete(verbs::Delete),
    /// Work with the client's configuration
    #[command(subcommand, arg_required_else_help = true)]
    Client(client_config::Client),
    /// Install Salvor into a cluster
    Install(Box<install::Install>),
    /// Remove Salvor from a cluster; backups in object storage stay
    Uninstall(uninstall::Uninstall),
    /// Print the versions of this program and of the server
    Version(version::Version),
    /// Print a completion script for a shell
    Completion(completion::Completion),
}

impl Command {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        match self {
            Self::Backup(command) => command.run(globals, called).await,
            Self::Restore(command) => command.run(globals, called).await,
            Self::BackupLocation(command) => command.run(globals, called).await,
            Self::Plugin(command) => command.run(globals, called).await,
            Self::Repo(command) => command.run().await,
            Self::Get(command) => command.run(globals, called).await,
            Self::Describe(command) => command.run(globals, called).await,
            Self::Create(command) => command.run(globals, called).await,
            Self::Delete(command) => command.run(globals, called).await,
            Self::Client(command) => command.run(),
            Self::Install(command) => command.run(globals, called).await,
            Self::Uninstall(command) => command.run(globals, called).await,
            Self::Version(command) => command.run(globals, called).await,
            Self::Completion(command) => command.run(called),
        }
    }
}
