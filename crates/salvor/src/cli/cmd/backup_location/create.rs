//! `backup-location create`.

use std::path::PathBuf;

use anyhow::bail;
use api::velero::v1::{AccessMode, BackupStorageLocation, BackupStorageLocationSpec, ObjectStorageLocation};
use api::{GoDuration, Kind};
use clap::Args;
use cluster::typed;

use super::{certificates, credential, other_defaults};
use crate::cli::output::{OutputFlags, line, objects, print};
use crate::cli::values::{self, Pairs, merged};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Create a backup storage location
#[derive(Debug, Args)]
pub struct Create {
    /// The name of the location
    name: String,
    /// Who provides the object store, such as aws
    #[arg(long)]
    provider: String,
    /// The bucket
    #[arg(long)]
    bucket: String,
    /// The path in the bucket below which everything lies
    #[arg(long, default_value = "")]
    prefix: String,
    /// The Secret with the credentials, and the key in it [default: the server's own]
    #[arg(long, value_parser = values::pairs, default_value = "", value_name = "NAME=KEY")]
    credential: Pairs,
    /// Backups go there unless they say otherwise
    #[arg(long)]
    default: bool,
    /// How often backups are looked for; 0s for never [default: the server's, 1m]
    #[arg(long, value_parser = values::duration)]
    backup_sync_period: Option<GoDuration>,
    /// How often the location is tried; 0s for never [default: the server's, 1m]
    #[arg(long, value_parser = values::duration)]
    validation_frequency: Option<GoDuration>,
    /// What the provider needs to know: region=eu,s3ForcePathStyle=true
    #[arg(long, value_parser = values::pairs, value_name = "KEY=VALUE,...")]
    config: Vec<Pairs>,
    /// Labels for the location
    #[arg(long, value_parser = values::pairs, value_name = "KEY=VALUE,...")]
    labels: Vec<Pairs>,
    /// A file of certificates that the server is to trust
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// ReadWrite or ReadOnly
    #[arg(long, default_value = "ReadWrite")]
    access_mode: AccessMode,
    #[command(flatten)]
    output: OutputFlags,
}

impl Create {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        if let Some(format) = self.output.output {
            let location = self.location(&globals.namespace_now())?;
            print(&objects(format, BackupStorageLocation::KIND, vec![location.to_document()])?)?;
            return Ok(Exit::Done);
        }
        let session = Session::open(globals, called).await?;
        let location = self.location(&session.namespace)?;
        if self.default && !other_defaults(&session, &self.name).await?.is_empty() {
            bail!(
                "there is already exist default backup storage location, please unset it first or do not set \
                 --default flag"
            );
        }
        typed::create(&session.cluster, &location).await?;
        line(&format!("Backup storage location \"{}\" configured successfully.", self.name))?;
        Ok(Exit::Done)
    }

    fn location(&self, namespace: &str) -> anyhow::Result<BackupStorageLocation> {
        let mut location = BackupStorageLocation::new(namespace, &self.name);
        location.metadata.labels = Some(merged(&self.labels)).filter(|labels| !labels.is_empty());
        let ca_cert = self.cacert.as_deref().map(certificates).transpose()?.unwrap_or_default();
        location.spec = BackupStorageLocationSpec {
            provider: self.provider.clone(),
            object_storage: ObjectStorageLocation {
                bucket: self.bucket.clone(),
                prefix: self.prefix.clone(),
                ca_cert,
                ..ObjectStorageLocation::default()
            },
            backup_sync_period: self.backup_sync_period,
            validation_frequency: self.validation_frequency,
            config: merged(&self.config),
            credential: credential(&self.credential)?,
            default: self.default,
            access_mode: self.access_mode,
        };
        Ok(location)
    }
}
