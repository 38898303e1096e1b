//! `plugin`: look at what the server can do.

pub mod get;

use clap::Subcommand;

use crate::cli::Globals;
use crate::exit::Exit;

/// The commands about plugins.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// Get the server's plugins
    Get(get::Get),
}

impl Plugin {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let Self::Get(command) = self;
        command.run(globals, called).await
    }
}
