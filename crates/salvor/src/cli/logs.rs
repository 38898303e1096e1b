//! `logs` of backups and of restores.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{anyhow, bail};
use api::velero::v1::DownloadTargetKind;
use api::{GoDuration, Kind};
use clap::Args;
use cluster::typed;

use super::download::{DownloadFlags, text};
use super::output::print;
use super::{Globals, Session, values};
use crate::exit::Exit;

/// The phase of what was refused before it began.
pub const REFUSED: &str = "FailedValidation";

/// What has a log, and in which words that is said where there is none.
pub trait Logged: Kind {
    /// The log, as downloads name it.
    const LOG: DownloadTargetKind;

    /// Its phase.
    fn phase(&self) -> String;

    /// Said where it does not exist.
    fn missing(name: &str) -> String;

    /// Said where it has not come so far as to have a log.
    fn too_early(name: &str) -> String;
}

/// Shows the log of an operation.
#[derive(Debug, Args)]
pub struct Logs {
    /// Whose log
    name: String,
    /// How long to wait for the server and the store
    #[arg(long, value_parser = values::duration, default_value = "1m0s")]
    timeout: GoDuration,
    #[command(flatten)]
    download: DownloadFlags,
}

impl Logs {
    /// Runs it for an operation of this kind.
    pub async fn run<K: Logged>(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let name = &self.name;
        let found: Option<K> = typed::find(&session.cluster, &session.namespace, name).await?;
        let operation = found.ok_or_else(|| anyhow!(K::missing(name)))?;
        match operation.phase().as_str() {
            REFUSED => bail!(never::<K>(&session.called, name)),
            phase if !has_log(phase) => bail!(K::too_early(name)),
            _ => {}
        }
        let timeout = Duration::try_from(self.timeout.to_signed())?;
        let text = text(&session, &self.download, (K::LOG, name), timeout).await?;
        print(&String::from_utf8_lossy(&text))?;
        Ok(Exit::Done)
    }
}

/// Said where there will never be a log.
fn never<K: Kind>(called: &str, name: &str) -> String {
    let what = K::KIND.to_lowercase();
    format!("{what} {name:?} was refused and has no log: `{called} {what} describe {name}` says why")
}

/// Whether a backup or a restore of this phase has a log: their phases have the same names.
pub fn has_log(phase: impl Display) -> bool {
    let logged = [
        "Completed",
        "PartiallyFailed",
        "Failed",
        "WaitingForPluginOperations",
        "WaitingForPluginOperationsPartiallyFailed",
    ];
    logged.contains(&phase.to_string().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::velero::v1::{BackupPhase, RestorePhase};

    #[test]
    fn what_was_refused_is_described_and_not_waited_for() {
        assert_eq!(REFUSED, BackupPhase::FailedValidation.to_string());
        assert_eq!(REFUSED, RestorePhase::FailedValidation.to_string());
        let said = never::<api::velero::v1::Restore>("salvor", "r");
        assert_eq!(said, "restore \"r\" was refused and has no log: `salvor restore describe r` says why");
    }

    #[test]
    fn what_has_not_run_has_no_log() {
        for (backup, restore, logged) in [
            (BackupPhase::New, RestorePhase::New, false),
            (BackupPhase::FailedValidation, RestorePhase::FailedValidation, false),
            (BackupPhase::InProgress, RestorePhase::InProgress, false),
            (BackupPhase::WaitingForPluginOperations, RestorePhase::WaitingForPluginOperations, true),
            (
                BackupPhase::WaitingForPluginOperationsPartiallyFailed,
                RestorePhase::WaitingForPluginOperationsPartiallyFailed,
                true,
            ),
            (BackupPhase::Completed, RestorePhase::Completed, true),
            (BackupPhase::PartiallyFailed, RestorePhase::PartiallyFailed, true),
            (BackupPhase::Failed, RestorePhase::Failed, true),
        ] {
            assert_eq!((has_log(backup), has_log(restore)), (logged, logged), "{backup}");
        }
    }
}
