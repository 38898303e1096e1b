//! `restore logs`.

use api::velero::v1::{DownloadTargetKind, Restore};

use crate::cli::logs::Logged;

impl Logged for Restore {
    const LOG: DownloadTargetKind = DownloadTargetKind::RestoreLog;

    fn phase(&self) -> String {
        self.status.phase.to_string()
    }

    fn missing(name: &str) -> String {
        format!("Restore {name:?} does not exist.")
    }

    fn too_early(name: &str) -> String {
        format!(
            "Logs for restore {name:?} are not available until it's finished processing. Please wait until the \
             restore has a phase of Completed or Failed and try again."
        )
    }
}
