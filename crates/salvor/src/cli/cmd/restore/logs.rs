//! `restore logs`.

use std::time::Duration;

use anyhow::{anyhow, bail};
use api::GoDuration;
use api::velero::v1::{DownloadTargetKind, Restore, RestorePhase};
use clap::Args;
use cluster::typed;

use crate::cli::download::{DownloadFlags, text};
use crate::cli::output::print;
use crate::cli::{Globals, Session, values};
use crate::exit::Exit;

/// Get the log of a restore
#[derive(Debug, Args)]
pub struct Logs {
    /// The name of the restore
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
        let restore: Option<Restore> = typed::find(&session.cluster, &session.namespace, name).await?;
        let restore = restore.ok_or_else(|| anyhow!("Restore {name:?} does not exist."))?;
        if !has_log(restore.status.phase) {
            bail!(
                "Logs for restore {name:?} are not available until it's finished processing. Please wait until \
                 the restore has a phase of Completed or Failed and try again."
            );
        }
        let timeout = Duration::try_from(self.timeout.to_signed())?;
        let log = text(&session, &self.download, (DownloadTargetKind::RestoreLog, name), timeout).await?;
        print(&String::from_utf8_lossy(&log))?;
        Ok(Exit::Done)
    }
}

fn has_log(phase: RestorePhase) -> bool {
    use RestorePhase as Phase;
    matches!(
        phase,
        Phase::Completed
            | Phase::PartiallyFailed
            | Phase::Failed
            | Phase::WaitingForPluginOperations
            | Phase::WaitingForPluginOperationsPartiallyFailed
    )
}
