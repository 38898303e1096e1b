//! `backup delete`: asks the server to delete backups with all that belongs to them.

use api::velero::v1::{Backup, DeleteBackupRequest};
use api::{Kind, labels, names};
use clap::Args;
use cluster::typed;

use crate::cli::Globals;
use crate::cli::output::{error_line, line};
use crate::cli::selection::Chosen;
use crate::exit::Exit;

/// Delete backups
#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    chosen: Chosen,
}

impl Delete {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let (session, backups) = self.chosen.confirmed::<Backup>("backup", (globals, called)).await?;
        let mut exit = Exit::Done;
        for backup in backups {
            match typed::create(&session.cluster, &request(&session.namespace, &backup)).await {
                Ok(_) => {
                    line(&format!("Request to delete backup \"{}\" submitted successfully.", backup.name()))?;
                    line(
                        "The backup will be fully deleted after all associated data (disk snapshots, backup files, \
                         restores) are removed.",
                    )?;
                }
                Err(error) => {
                    error_line(&format!("An error occurred: failed to {error}"));
                    exit = Exit::Failed;
                }
            }
        }
        Ok(exit)
    }
}

fn request(namespace: &str, backup: &Backup) -> DeleteBackupRequest {
    let mut request = DeleteBackupRequest::new(namespace, "");
    request.metadata.name = None;
    request.metadata.generate_name = Some(format!("{}-", backup.name()));
    let of_backup = [
        (labels::BACKUP_NAME, names::label_value(backup.name())),
        (labels::BACKUP_UID, backup.uid().to_owned()),
    ];
    request.metadata.labels = Some(of_backup.map(|(key, value)| (key.to_owned(), value)).into());
    request.spec.backup_name = backup.name().to_owned();
    request
}
