//! `restore`: make, look at and delete restores.

mod apply;
pub mod create;
pub mod delete;
pub mod describe;
pub mod get;
mod logs;

use api::velero::v1;
use clap::Subcommand;

use crate::cli::Globals;
use crate::cli::logs::Logs;
use crate::exit::Exit;

/// The commands about restores.
#[derive(Debug, Subcommand)]
pub enum Restore {
    /// Create a restore
    Create(Box<create::Create>),
    /// Execute a plan of `restore create --dry-run -o json`, if it still holds
    Apply(apply::Apply),
    /// Get restores
    Get(get::Get),
    /// Describe restores
    Describe(describe::Describe),
    /// Get the log of a restore
    Logs(Logs),
    /// Delete restores
    Delete(delete::Delete),
}

impl Restore {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        match self {
            Self::Create(command) => command.run(globals, called).await,
            Self::Apply(command) => command.run(globals, called).await,
            Self::Get(command) => command.run(globals, called).await,
            Self::Describe(command) => command.run(globals, called).await,
            Self::Logs(command) => command.run::<v1::Restore>(globals, called).await,
            Self::Delete(command) => command.run(globals, called).await,
        }
    }
}
