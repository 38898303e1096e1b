//! `backup-location get`.

use api::Kind;
use api::velero::v1::BackupStorageLocation;
use clap::Args;

use crate::cli::output::{OutputFlags, Table};
use crate::cli::selection::Which;
use crate::cli::text::time_or;
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Get backup storage locations
#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    which: Which,
    /// Only the default one
    #[arg(long)]
    default: bool,
    #[command(flatten)]
    output: OutputFlags,
}

impl Get {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let mut locations: Vec<BackupStorageLocation> = self.which.find(&session).await?;
        locations.retain(|location| !self.default || location.spec.default);
        self.output.show(&locations, |all| table(all, &self.output))?;
        Ok(Exit::Done)
    }
}

fn table(locations: &[BackupStorageLocation], flags: &OutputFlags) -> String {
    let headers = ["NAME", "PROVIDER", "BUCKET/PREFIX", "PHASE", "LAST VALIDATED", "ACCESS MODE", "DEFAULT"];
    let mut table = Table::new(flags.headers(&headers));
    for location in locations {
        let (spec, status) = (&location.spec, &location.status);
        let cells = [
            location.name().to_owned(),
            spec.provider.clone(),
            place(location),
            status.phase.map_or("Unknown", |phase| phase.as_str()).to_owned(),
            time_or(status.last_validation_time.as_ref(), "Unknown"),
            spec.access_mode.to_string(),
            if spec.default { "true".to_owned() } else { String::new() },
        ];
        table.row(flags.cells(cells, location.metadata()));
    }
    table.render()
}

fn place(location: &BackupStorageLocation) -> String {
    let storage = &location.spec.object_storage;
    match storage.prefix.as_str() {
        "" => storage.bucket.clone(),
        prefix => format!("{}/{prefix}", storage.bucket),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::velero::v1::LocationPhase;

    #[test]
    fn what_is_not_known_is_said_to_be_unknown() {
        let mut location = BackupStorageLocation::new("velero", "default");
        location.spec.provider = "aws".into();
        location.spec.object_storage.bucket = "backups".into();
        location.spec.object_storage.prefix = "eu".into();
        let row = |location: &BackupStorageLocation| {
            let text = table(std::slice::from_ref(location), &OutputFlags::default());
            let cells = text.lines().nth(1).unwrap().split("   ").map(|cell| cell.trim().to_owned());
            cells.filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(row(&location), ["default", "aws", "backups/eu", "Unknown", "Unknown", "ReadWrite"]);
        location.status.phase = Some(LocationPhase::Available);
        location.spec.default = true;
        assert_eq!(
            row(&location),
            ["default", "aws", "backups/eu", "Available", "Unknown", "ReadWrite", "true"]
        );
    }
}
