//! `backup logs`.

use std::time::Duration;

use anyhow::{anyhow, bail};
use api::GoDuration;
use api::velero::v1::{Backup, BackupPhase, DownloadTargetKind};
use clap::Args;
use cluster::typed;

use crate::cli::download::{DownloadFlags, text};
use crate::cli::output::print;
use crate::cli::{Globals, Session, values};
use crate::exit::Exit;

/// Get the log of a backup
#[derive(Debug, Args)]
pub struct Logs {
    /// The name of the backup
    name: String,
    /// How long to wait for the server and the store
    #[arg(long, value_parser = values::duration, default_value = "1m0s")]
    timeout: GoDuration,
    #[command(flatten)]
    download: DownloadFlags,
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
        let timeout = Duration::try_from(self.timeout.to_signed())?;
        let log = text(&session, &self.download, (DownloadTargetKind::BackupLog, name), timeout).await?;
        print(&String::from_utf8_lossy(&log))?;
        Ok(Exit::Done)
    }
}

fn has_log(phase: BackupPhase) -> bool {
    use BackupPhase as Phase;
    matches!(
        phase,
        Phase::Completed
            | Phase::PartiallyFailed
            | Phase::Failed
            | Phase::WaitingForPluginOperations
            | Phase::WaitingForPluginOperationsPartiallyFailed
    )
}
