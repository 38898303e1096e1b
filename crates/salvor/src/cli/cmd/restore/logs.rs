//! `restore logs`.

use anyhow::{anyhow, bail};
use api::velero::v1::{DownloadTargetKind, Restore};
use clap::Args;
use cluster::typed;

use crate::cli::logs::{LogFlags, has_log};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Get the log of a restore
#[derive(Debug, Args)]
pub struct Logs {
    /// The name of the restore
    name: String,
    #[command(flatten)]
    flags: LogFlags,
}

impl Logs {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let name = &self.name;
        let restore: Option<Restore> = typed::find(&session.cluster, &session.namespace, name).await?;
        let restore = restore.ok_or_else(|| anyhow!("Restore {name:?} does not exist."))?;
        if !has_log(restore.status.phase) {
            bail!(
                "Logs for restore {name:?} are not available until it's finished processing. Please wait until \
                 the restore has a phase of Completed or Failed and try again."
            );
        }
        self.flags.show(&session, (DownloadTargetKind::RestoreLog, name)).await?;
        Ok(Exit::Done)
    }
}
