//! `backup create`.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use api::velero::v1::{
    Backup, BackupPhase, BackupSpec, BackupStorageLocation, Schedule, VolumeSnapshotLocation,
};
use api::{Kind, labels};
use clap::Args;
use cluster::typed;
use jiff::tz::TimeZone;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::cli::dry_run;
use crate::cli::filters::BackupFlags;
use crate::cli::output::{Format, OutputFlags, error_line, line, objects, print};
use crate::cli::values::{self, Pairs, merged};
use crate::cli::waiting::{Progress, follow, remarks};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Said where there is no name, in Velero's words.
const NAMELESS: &str = "a backup name is required, unless you are creating based on a schedule";

/// Create a backup
#[derive(Debug, Args)]
pub struct Create {
    /// The name of the backup
    pub name: Option<String>,
    #[command(flatten)]
    filters: BackupFlags,
    /// Labels for the backup
    #[arg(long, value_parser = values::pairs, value_name = "KEY=VALUE,...")]
    labels: Vec<Pairs>,
    /// Annotations for the backup
    #[arg(long, value_parser = values::pairs, value_name = "KEY=VALUE,...")]
    annotations: Vec<Pairs>,
    /// Wait until the backup has ended
    #[arg(short = 'w', long)]
    wait: bool,
    /// Only show what the backup would hold, and what it would not
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// Take everything from the template of this schedule
    #[arg(long)]
    from_schedule: Option<String>,
    #[command(flatten)]
    output: OutputFlags,
}

impl Create {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        if self.dry_run {
            let session = Session::open(globals, called).await?;
            self.check_locations(&session).await?;
            let backup = self.made(&session).await?;
            return dry_run::of_backup(&session, backup, self.output.output).await;
        }
        let backup = match (&self.from_schedule, self.output.output) {
            (None, Some(format)) => {
                return show(&self.of_flags(&globals.namespace_now())?, format);
            }
            (None, None) if self.name.is_none() => bail!(NAMELESS),
            _ => {
                let session = Session::open(globals, called).await?;
                let backup = self.made(&session).await?;
                if let Some(format) = self.output.output {
                    return show(&backup, format);
                }
                self.submit(&session, backup).await?
            }
        };
        Ok(backup)
    }

    async fn made(&self, session: &Session) -> anyhow::Result<Backup> {
        match self.from_schedule.as_deref() {
            Some("") => bail!("flag must have a non-empty value: --from-schedule"),
            Some(schedule) => self.of_schedule(session, schedule).await,
            None => self.of_flags(&session.namespace),
        }
    }

    fn of_flags(&self, namespace: &str) -> anyhow::Result<Backup> {
        let name = self.name.as_deref().unwrap_or_default();
        if name.is_empty() && !self.dry_run {
            bail!(NAMELESS);
        }
        let mut backup = Backup::new(namespace, name);
        backup.spec = self.filters.spec()?;
        self.decorate(&mut backup, BTreeMap::new());
        Ok(backup)
    }

    async fn of_schedule(&self, session: &Session, schedule: &str) -> anyhow::Result<Backup> {
        let schedule: Schedule = typed::get(&session.cluster, &session.namespace, schedule).await?;
        let stamp = session.now().to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S").to_string();
        let name = self.name.clone().unwrap_or_else(|| format!("{}-{stamp}", schedule.name()));
        let mut backup = Backup::new(&session.namespace, &name);
        backup.spec = schedule.spec.template.clone();
        let own = schedule.spec.template.metadata.labels.clone();
        let mut inherited = match own.is_empty() {
            true => schedule.metadata.labels.clone().unwrap_or_default(),
            false => own,
        };
        inherited.insert(labels::SCHEDULE_NAME.to_owned(), schedule.name().to_owned());
        self.decorate(&mut backup, inherited);
        if schedule.spec.use_owner_references_in_backup == Some(true) {
            backup.metadata.owner_references = Some(vec![owner(&schedule)]);
        }
        Ok(backup)
    }

    fn decorate(&self, backup: &mut Backup, inherited: BTreeMap<String, String>) {
        let labels: BTreeMap<_, _> = inherited.into_iter().chain(merged(&self.labels)).collect();
        backup.metadata.labels = Some(labels).filter(|labels| !labels.is_empty());
        backup.metadata.annotations = Some(merged(&self.annotations)).filter(|map| !map.is_empty());
    }

    async fn submit(&self, session: &Session, backup: Backup) -> anyhow::Result<Exit> {
        self.check_locations(session).await?;
        if self.from_schedule.is_some() {
            line("Creating backup from schedule, all other filters are ignored.")?;
        }
        notes(&backup.spec).iter().for_each(|note| error_line(note));
        typed::create(&session.cluster, &backup).await?;
        follow(session, backup.name(), self.wait, progress).await
    }

    async fn check_locations(&self, session: &Session) -> anyhow::Result<()> {
        let filters = &self.filters;
        if self.from_schedule.is_some() {
            return Ok(());
        }
        if !filters.storage_location.is_empty() {
            let name = &filters.storage_location;
            typed::get::<BackupStorageLocation>(&session.cluster, &session.namespace, name)
                .await
                .with_context(|| format!("find the backup storage location {name:?}"))?;
        }
        for name in &filters.volume_snapshot_locations {
            typed::get::<VolumeSnapshotLocation>(&session.cluster, &session.namespace, name)
                .await
                .with_context(|| format!("find the volume snapshot location {name:?}"))?;
        }
        Ok(())
    }
}

/// What the backup asks for and this version does not do: it says so in its results, and here before it begins.
fn notes(spec: &BackupSpec) -> Vec<String> {
    let asked = [
        ("the data of snapshots is not moved", spec.snapshot_move_data == Some(true)),
        (
            "volumes are not backed up through the file system",
            spec.default_volumes_to_fs_backup == Some(true),
        ),
    ];
    let asked = asked.into_iter().filter(|(_, asked)| *asked);
    asked
        .map(|(what, _)| {
            format!("Note: {what} in this version; a backup that needs it ends as PartiallyFailed")
        })
        .collect()
}

fn show(backup: &Backup, format: Format) -> anyhow::Result<Exit> {
    print(&objects(format, "Backup", vec![backup.to_document()])?)?;
    Ok(Exit::Done)
}

fn owner(schedule: &Schedule) -> OwnerReference {
    OwnerReference {
        api_version: "velero.io/v1".to_owned(),
        kind: Schedule::KIND.to_owned(),
        name: schedule.name().to_owned(),
        uid: schedule.uid().to_owned(),
        controller: Some(true),
        ..OwnerReference::default()
    }
}

/// Where a backup stands.
fn progress(backup: &Backup) -> Progress<BackupPhase> {
    let status = &backup.status;
    let counts = status.progress.as_ref().map(|of| (of.items_backed_up, of.total_items));
    let remarks = remarks(&status.validation_errors, status.errors, status.warnings);
    Progress { phase: status.phase, ended: status.phase.is_terminal(), counts, remarks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    fn made(line: &str) -> anyhow::Result<Backup> {
        let words = std::iter::once("create").chain(line.split_whitespace());
        Line::try_parse_from(words)?.create.of_flags("velero")
    }

    #[test]
    fn a_backup_of_flags_is_the_one_that_velero_makes() {
        let line = "shop --include-namespaces shop,db --ttl 24h --labels team=a --labels b=c --snapshot-move-data \
            --selector app=shop --ordered-resources pods=shop/a --storage-location eu";
        let backup = made(line).unwrap();
        let printed = objects(Format::Yaml, "Backup", vec![backup.to_document()]).unwrap();
        let read: serde_json::Value = serde_saphyr::from_str(&printed).unwrap();
        let expected = serde_json::json!({
            "apiVersion": "velero.io/v1", "kind": "Backup",
            "metadata": {"name": "shop", "namespace": "velero", "labels": {"team": "a", "b": "c"}},
            "spec": {
                "includedNamespaces": ["shop", "db"], "ttl": "24h0m0s", "snapshotMoveData": true,
                "labelSelector": {"matchLabels": {"app": "shop"}},
                "orderedResources": {"pods": "shop/a"}, "storageLocation": "eu",
            },
        });
        for field in ["apiVersion", "kind", "metadata"] {
            assert_eq!(read[field], expected[field], "{printed}");
        }
        for (field, value) in expected["spec"].as_object().unwrap() {
            assert_eq!(&read["spec"][field], value, "{field}: {printed}");
        }
        let json = objects(Format::Json, "Backup", vec![backup.to_document()]).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), backup.to_document());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (line, expected) in [
            ("", "a backup name is required"),
            ("b --selector a=b --or-selector c=d", "but not both"),
            ("b --include-resources pods --include-cluster-scoped-resources nodes", "old filter parameters"),
        ] {
            let error = made(line).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
