//! `repo`: work on a repository of volumes' data without a cluster.

mod access;
mod address;
pub mod change_password;
pub mod copy;
pub mod create;
mod identity;
pub mod maintain;
pub mod policy;
pub mod rebuild_indexes;
mod show;
pub mod snapshot;
pub mod status;
pub mod verify;
mod work;

use clap::Subcommand;

use crate::exit::Exit;

/// The commands about repositories.
#[derive(Debug, Subcommand)]
pub enum Repo {
    /// Create a repository
    Create(create::Create),
    /// Open a repository and say what it is like
    #[command(visible_alias = "connect")]
    Status(status::Status),
    /// Change the password of a repository
    ChangePassword(change_password::ChangePassword),
    /// Work with the snapshots in a repository
    #[command(subcommand, arg_required_else_help = true)]
    Snapshot(snapshot::Snapshot),
    /// Read what is in a repository and say what is missing or damaged
    Verify(verify::Verify),
    /// Delete what nothing needs any more, and merge indexes
    Maintain(maintain::Maintain),
    /// Make the indexes anew from what the packs say, where they are lost or damaged
    RebuildIndexes(rebuild_indexes::RebuildIndexes),
    /// Copy snapshots into another repository
    Copy(copy::Copy),
    /// Say what snapshots leave out, and how long they are kept
    #[command(subcommand, arg_required_else_help = true)]
    Policy(policy::Policy),
}

impl Repo {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run().await,
            Self::Status(command) => command.run().await,
            Self::ChangePassword(command) => command.run().await,
            Self::Snapshot(command) => command.run().await,
            Self::Verify(command) => command.run().await,
            Self::Maintain(command) => command.run().await,
            Self::RebuildIndexes(command) => command.run().await,
            Self::Copy(command) => command.run().await,
            Self::Policy(command) => command.run().await,
        }
    }
}

#[cfg(test)]
mod tests;
