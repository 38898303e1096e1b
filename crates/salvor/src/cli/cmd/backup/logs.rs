//! `backup logs`.

use anyhow::{anyhow, bail};
use api::velero::v1::{Backup, DownloadTargetKind};
use clap::Args;
use cluster::typed;

use crate::cli::logs::{LogFlags, has_log};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Get the log of a backup
#[derive(Debug, Args)]
pub struct Logs {
    /// The name of the backup
    name: String,
    #[command(flatten)]
    flags: LogFlags,
}

impl Logs {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let name = &self.name;
        let backup: Option<Backup> = typed::find(&session.cluster, &session.namespace, name).await?;
        let backup = backup.ok_or_else(|| anyhow!("backup {name:?} does not exist"))?;
        if !has_log(backup.status.phase) {
            bail!(
                "logs for backup {name:?} are not available until it's finished processing, please wait until \
                 the backup has a phase of Completed or Failed and try again"
            );
        }
        self.flags.show(&session, (DownloadTargetKind::BackupLog, name)).await?;
        Ok(Exit::Done)
    }
}
