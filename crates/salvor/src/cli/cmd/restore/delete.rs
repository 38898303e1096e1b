//! `restore delete`: deletes restores and their files, not what they restored.

use api::Kind;
use api::velero::v1::Restore;
use clap::Args;
use cluster::typed;

use crate::cli::Globals;
use crate::cli::output::line;
use crate::cli::selection::Chosen;
use crate::exit::Exit;

/// Delete restores
#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    chosen: Chosen,
}

impl Delete {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let (session, restores) = self.chosen.confirmed::<Restore>("restore", (globals, called)).await?;
        for restore in restores {
            typed::delete::<Restore>(&session.cluster, &session.namespace, restore.name()).await?;
            line(&format!("Request to delete restore \"{}\" submitted successfully.", restore.name()))?;
            line(
                "The restore will be fully deleted after all associated data (restore files in object storage) are removed.",
            )?;
        }
        Ok(Exit::Done)
    }
}
