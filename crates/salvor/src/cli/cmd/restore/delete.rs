//! `restore delete`: deletes restores and their files, not what they restored.

use api::Kind;
use api::velero::v1::Restore;
use clap::Args;
use cluster::typed;

use crate::cli::output::line;
use crate::cli::selection::Chosen;
use crate::cli::{Globals, Session};
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
        let session = Session::open(globals, called).await?;
        let restores: Vec<Restore> = self.chosen.find(&session, "restore").await?;
        if restores.is_empty() {
            line("No restores found")?;
            return Ok(Exit::Done);
        }
        if !self.chosen.is_confirmed()? {
            return Ok(Exit::Done);
        }
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
