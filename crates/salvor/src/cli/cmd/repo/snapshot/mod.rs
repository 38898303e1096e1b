//! `repo snapshot`: make, look at and restore snapshots in a repository.

pub mod cat;
pub mod create;
pub mod delete;
pub mod diff;
pub mod expire;
pub mod list;
pub mod ls;
pub(super) mod named;
pub mod restore;

use clap::Subcommand;

use crate::exit::Exit;

/// The commands about snapshots in a repository.
#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Make a snapshot of a folder
    Create(create::Create),
    /// List snapshots
    List(list::List),
    /// List what a snapshot has in a folder
    Ls(ls::Ls),
    /// Print a file of a snapshot
    Cat(cat::Cat),
    /// Show the difference of two snapshots
    Diff(diff::Diff),
    /// Restore a snapshot, or a part of one, into a folder
    Restore(restore::Restore),
    /// Delete snapshots
    Delete(delete::Delete),
    /// Delete the snapshots that the policies do not keep
    Expire(expire::Expire),
}

impl Snapshot {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run().await,
            Self::List(command) => command.run().await,
            Self::Ls(command) => command.run().await,
            Self::Cat(command) => command.run().await,
            Self::Diff(command) => command.run().await,
            Self::Restore(command) => command.run().await,
            Self::Delete(command) => command.run().await,
            Self::Expire(command) => command.run().await,
        }
    }
}
