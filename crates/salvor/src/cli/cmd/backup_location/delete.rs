//! `backup-location delete`: forgets locations and the backups in them; what lies in the bucket stays.

use api::velero::v1::{Backup, BackupRepository, BackupStorageLocation};
use api::{Kind, labels, names};
use clap::Args;
use cluster::typed;

use crate::cli::output::line;
use crate::cli::selection::Chosen;
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Delete backup storage locations; what lies in the bucket stays
#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    chosen: Chosen,
}

impl Delete {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let (session, locations) =
            self.chosen.confirmed::<BackupStorageLocation>("backup-location", (globals, called)).await?;
        for location in locations {
            let name = location.name();
            typed::delete::<BackupStorageLocation>(&session.cluster, &session.namespace, name).await?;
            line(&format!("Backup storage location \"{name}\" deleted successfully."))?;
            forget::<Backup>(&session, name, "Backup").await?;
            forget::<BackupRepository>(&session, name, "Backup repository").await?;
        }
        Ok(Exit::Done)
    }
}

/// Deletes the resources of a kind that belong to a location.
async fn forget<K: Kind>(session: &Session, location: &str, what: &str) -> anyhow::Result<()> {
    let of_location = format!("{}={}", labels::STORAGE_LOCATION, names::label_value(location));
    for object in typed::list::<K>(&session.cluster, &session.namespace, &of_location).await? {
        typed::delete::<K>(&session.cluster, &session.namespace, object.name()).await?;
        line(&format!("{what} associated with deleted BSL(s) \"{}\" deleted successfully.", object.name()))?;
    }
    Ok(())
}
