//! `backup get`.

use api::Kind;
use api::velero::v1::Backup;
use clap::Args;
use jiff::Timestamp;

use crate::cli::output::{OutputFlags, Table};
use crate::cli::selection::Which;
use crate::cli::text::{marked, selector, short, time};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Get backups
#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    output: OutputFlags,
}

impl Get {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let backups: Vec<Backup> = self.which.find(&session).await?;
        self.output.show(&sorted(backups), |all| table(all, &self.output, session.now()))?;
        Ok(Exit::Done)
    }
}

/// By name; those of one schedule newest first.
fn sorted(mut backups: Vec<Backup>) -> Vec<Backup> {
    let key = |backup: &Backup| {
        let name = backup.name().to_owned();
        match name.rsplit_once('-') {
            Some((prefix, stamp))
                if stamp.len() == 14 && stamp.bytes().all(|digit| digit.is_ascii_digit()) =>
            {
                (prefix.to_owned(), std::cmp::Reverse(stamp.to_owned()))
            }
            _ => (name, std::cmp::Reverse(String::new())),
        }
    };
    backups.sort_by_cached_key(key);
    backups
}

fn table(backups: &[Backup], flags: &OutputFlags, now: Timestamp) -> String {
    let headers = [
        "NAME",
        "STATUS",
        "ERRORS",
        "WARNINGS",
        "CREATED",
        "EXPIRES",
        "STORAGE LOCATION",
        "QUEUE POSITION",
        "SELECTOR",
    ];
    let mut table = Table::new(flags.headers(&headers));
    for backup in backups {
        let status = &backup.status;
        let cells = [
            backup.name().to_owned(),
            phase(backup),
            status.errors.to_string(),
            status.warnings.to_string(),
            status.start_timestamp.as_ref().map_or_else(|| "<nil>".to_owned(), |at| time(at.0)),
            expires(backup, now),
            backup.spec.storage_location.clone(),
            Some(status.queue_position)
                .filter(|position| *position > 0)
                .map(|of| of.to_string())
                .unwrap_or_default(),
            selector(backup.spec.label_selector.as_ref()),
        ];
        table.row(flags.cells(cells, backup.metadata()));
    }
    table.render()
}

fn phase(backup: &Backup) -> String {
    match backup.metadata.deletion_timestamp {
        Some(_) => "Deleting".to_owned(),
        None => marked(backup.status.phase, backup.metadata()),
    }
}

fn expires(backup: &Backup, now: Timestamp) -> String {
    let created = backup.metadata.creation_timestamp.as_ref().map(|at| at.0);
    let ttl = backup.spec.ttl.to_signed();
    let by_ttl = created.filter(|_| !ttl.is_zero()).and_then(|at| at.checked_add(ttl).ok());
    match backup.status.expiration.as_ref().map(|at| at.0).or(by_ttl) {
        None => "n/a".to_owned(),
        Some(at) if at > now => short(at.duration_since(now)),
        Some(at) => format!("{} ago", short(now.duration_since(at))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::velero::v1::BackupPhase;

    fn named(name: &str) -> Backup {
        Backup::new("velero", name)
    }

    #[test]
    fn backups_of_a_schedule_come_newest_first() {
        let names = ["daily-20260101000000", "b", "daily-20260102000000", "a"];
        let sorted = sorted(names.map(named).into());
        let names: Vec<_> = sorted.iter().map(Kind::name).collect();
        assert_eq!(names, ["a", "b", "daily-20260102000000", "daily-20260101000000"]);
    }

    #[test]
    fn a_row_says_how_it_went_and_when_it_goes() {
        let mut backup = named("b");
        backup.status.phase = BackupPhase::PartiallyFailed;
        backup.status.errors = 2;
        backup.spec.storage_location = "default".into();
        backup.status.expiration = Some(api::Time("2026-01-31T00:00:00Z".parse().unwrap()));
        backup.metadata.labels = Some([("a/team".to_owned(), "x".to_owned())].into());
        let flags =
            OutputFlags { label_columns: vec!["a/team".into()], show_labels: true, ..OutputFlags::default() };
        let text = table(&[backup], &flags, "2026-01-01T00:00:00Z".parse().unwrap());
        let rows: Vec<Vec<_>> = text
            .lines()
            .map(|line| line.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(rows[0].last(), Some(&"LABELS"));
        assert_eq!(
            rows[1],
            ["b", "PartiallyFailed", "2", "0", "<nil>", "30d", "default", "<none>", "x", "a/team=x"]
        );
    }
}
