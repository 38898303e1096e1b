//! `repo policy delete`.

use clap::Args;
use kopia::manifest::{Changes, Manifests};
use kopia::policy::Scope;
use kopia::{Error, ErrorKind, Writer};

use super::super::access::Access;
use super::super::work::blocking;
use crate::cli::output::line;
use crate::exit::Exit;

/// Delete a policy
#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    access: Access,
    /// What it is for: (global), @HOST, USER@HOST or USER@HOST:PATH
    scope: Scope,
}

impl Delete {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let repository = self.access.open_kopia().await?;
        let scope = self.scope;
        let deleted = blocking(move |_| {
            let manifests = Manifests::load(&repository)?;
            let absent = || Error::new(ErrorKind::NotFound, scope.to_string(), "there is no such policy");
            let mut changes = Changes::default();
            changes.delete(&repository, scope.find(&manifests).ok_or_else(absent)?);
            let writer = Writer::new(repository)?;
            changes.write(&writer)?;
            writer.flush().map(|()| scope)
        });
        line(&format!("policy for {} deleted", deleted.await?))?;
        Ok(Exit::Done)
    }
}
