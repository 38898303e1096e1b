//! `repo snapshot delete`.

use clap::Args;
use kopia::manifest::{Changes, Manifests};
use kopia::{Error, ErrorKind, Repository, Result, Writer};
use std::sync::Arc;

use super::super::access::Access;
use super::super::identity::Identity;
use super::super::work::blocking;
use super::named::{all, chosen};
use crate::cli::output::line;
use crate::exit::Exit;

/// Delete snapshots
#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    identity: Identity,
    /// The beginnings of the snapshots' names
    #[arg(required = true, value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
}

impl Delete {
    /// Runs it. What only these snapshots need goes with maintenance.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let repository = self.access.open_kopia().await?;
        let (user, host) = (self.identity.user().to_owned(), self.identity.host().to_owned());
        let names = self.snapshots;
        let deleted = blocking(move |_| {
            let (snapshots, _) = all(&repository)?;
            let ids: Vec<String> = chosen(snapshots, &names)?.into_iter().map(|(id, _)| id).collect();
            delete(&repository, &ids, &user, &host).map(|()| ids)
        });
        deleted.await?.iter().try_for_each(|id| line(&format!("snapshot {id} deleted")))?;
        Ok(Exit::Done)
    }
}

/// Deletes the manifests of snapshots.
pub(super) fn delete(repository: &Arc<Repository>, ids: &[String], user: &str, host: &str) -> Result<()> {
    let manifests = Manifests::load(repository)?;
    let mut changes = Changes::default();
    for id in ids {
        let absent = || Error::new(ErrorKind::NotFound, id, "has gone meanwhile");
        changes.delete(repository, manifests.get(id).ok_or_else(absent)?);
    }
    let writer = Writer::with_identity(Arc::clone(repository), user, host)?;
    changes.write(&writer)?;
    writer.flush()
}
