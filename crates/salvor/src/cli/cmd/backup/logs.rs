//! `backup logs`.

use api::velero::v1::{Backup, DownloadTargetKind};

use crate::cli::logs::Logged;

impl Logged for Backup {
    const LOG: DownloadTargetKind = DownloadTargetKind::BackupLog;

    fn phase(&self) -> String {
        self.status.phase.to_string()
    }

    fn missing(name: &str) -> String {
        format!("backup {name:?} does not exist")
    }

    fn too_early(name: &str) -> String {
        format!(
            "logs for backup {name:?} are not available until it's finished processing, please wait until the \
             backup has a phase of Completed or Failed and try again"
        )
    }
}
