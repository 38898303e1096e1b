//! `repo policy`: what snapshots leave out, how files are compressed, and how long snapshots are kept.

pub mod delete;
pub mod list;
pub mod set;
pub mod show;

use clap::Subcommand;

use crate::exit::Exit;

/// The commands about policies.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// List policies
    List(list::List),
    /// Print a policy
    Show(show::ShowPolicy),
    /// Change a policy, or make one
    Set(Box<set::Set>),
    /// Delete a policy
    Delete(delete::Delete),
}

impl Policy {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        match self {
            Self::List(command) => command.run().await,
            Self::Show(command) => command.run().await,
            Self::Set(command) => command.run().await,
            Self::Delete(command) => command.run().await,
        }
    }
}
