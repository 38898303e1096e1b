//! `backup download`.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use api::GoDuration;
use api::velero::v1::{Backup, DownloadTargetKind};
use clap::Args;
use cluster::typed;
use futures::TryStreamExt;

use crate::cli::download::{DownloadFlags, open};
use crate::cli::output::line;
use crate::cli::{Globals, Session, values};
use crate::exit::Exit;

/// Download all Kubernetes manifests of a backup
#[derive(Debug, Args)]
pub struct Download {
    /// The name of the backup
    name: String,
    /// Where to write it [default: NAME-data.tar.gz in this folder]
    #[arg(short = 'o', long)]
    output: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long)]
    force: bool,
    /// How long to wait for the server
    #[arg(long, value_parser = values::duration, default_value = "1m0s")]
    timeout: GoDuration,
    #[command(flatten)]
    download: DownloadFlags,
}

impl Download {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let name = &self.name;
        let backup: Option<Backup> = typed::find(&session.cluster, &session.namespace, name).await?;
        backup.ok_or_else(|| anyhow!("backup {name:?} does not exist"))?;
        let path = match &self.output {
            Some(path) => path.clone(),
            None => std::env::current_dir()?.join(format!("{name}-data.tar.gz")),
        };
        let mut file = create(&path, self.force)?;
        if let Err(error) = self.write(&session, &mut file).await {
            // What is there is not the backup.
            let _removed = std::fs::remove_file(&path);
            return Err(error);
        }
        line(&format!("Backup {name} has been successfully downloaded to {}", path.display()))?;
        Ok(Exit::Done)
    }

    async fn write(&self, session: &Session, file: &mut File) -> anyhow::Result<()> {
        let timeout = Duration::try_from(self.timeout.to_signed())?;
        let target = (DownloadTargetKind::BackupContents, self.name.as_str());
        let mut pieces = open(session, &self.download, target, timeout).await?;
        while let Some(piece) = pieces.try_next().await? {
            file.write_all(&piece)?;
        }
        Ok(file.sync_all()?)
    }
}

fn create(path: &Path, force: bool) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    match force {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            anyhow!("create {}: it is there already; --force writes over it", path.display())
        }
        _ => anyhow!("create {}: {error}", path.display()),
    })
}
