//! What `logs` of backups and of restores have in common.

use std::fmt::Display;
use std::time::Duration;

use api::GoDuration;
use api::velero::v1::DownloadTargetKind;
use clap::Args;

use super::download::{DownloadFlags, text};
use super::output::print;
use super::{Session, values};

/// The flags of commands that show a log.
#[derive(Debug, Args)]
pub struct LogFlags {
    /// How long to wait for the server and the store
    #[arg(long, value_parser = values::duration, default_value = "1m0s")]
    timeout: GoDuration,
    #[command(flatten)]
    download: DownloadFlags,
}

impl LogFlags {
    /// Prints a log.
    pub async fn show(&self, session: &Session, log: (DownloadTargetKind, &str)) -> anyhow::Result<()> {
        let timeout = Duration::try_from(self.timeout.to_signed())?;
        let text = text(session, &self.download, log, timeout).await?;
        print(&String::from_utf8_lossy(&text))
    }
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
