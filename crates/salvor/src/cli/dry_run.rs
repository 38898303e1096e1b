//! `--dry-run`: the resource is created with the annotation that has the server plan it and no more, its report is fetched,
//! and it is deleted again, also when the user stops waiting.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use api::velero::v1::{Backup, DownloadTargetKind, Restore};
use api::{GoDuration, Kind, ObjectMeta, labels};
use cluster::typed;
use engine::preview::backup::KIND as OF_BACKUP;
use engine::preview::restore::KIND as OF_RESTORE;
use engine::preview::{BackupPreview, RestorePreview, VERSION};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::output::{Format, error_line, objects, print};
use super::waiting::{Progress, Seen, wait};
use super::{Session, download, preview, server_status};
use crate::exit::Exit;

/// How long the server has to say what it is.
const SERVER_ANSWERS_IN: GoDuration = GoDuration::from_secs(30);
/// How long a report may take to come.
const REPORT_COMES_IN: Duration = Duration::from_secs(120);
/// What the names of dry runs begin with.
const PREFIX: &str = "dry-run-";

/// Shows what a backup would hold.
pub async fn of_backup(
    session: &Session,
    mut backup: Backup,
    format: Option<Format>,
) -> anyhow::Result<Exit> {
    refuse_taken::<Backup>(session, backup.name()).await?;
    to_dry_run(&mut backup.metadata);
    let look = |backup: &Backup| {
        let status = &backup.status;
        let remarks = reasons(&status.validation_errors, &status.failure_reason);
        Progress { phase: status.phase, ended: status.phase.is_terminal(), counts: None, remarks }
    };
    let report = planned(session, &backup, DownloadTargetKind::BackupResults, look).await?;
    let report: BackupPreview = read(&report, OF_BACKUP)?;
    show(&report, format, preview::backup::text)?;
    Ok(exit(report.loses()))
}

/// Shows what a restore would do.
pub async fn of_restore(
    session: &Session,
    mut restore: Restore,
    format: Option<Format>,
) -> anyhow::Result<Exit> {
    to_dry_run(&mut restore.metadata);
    let look = |restore: &Restore| {
        let status = &restore.status;
        let remarks = reasons(&status.validation_errors, &status.failure_reason);
        Progress { phase: status.phase, ended: status.phase.is_terminal(), counts: None, remarks }
    };
    let report = planned(session, &restore, DownloadTargetKind::RestoreResults, look).await?;
    let report: RestorePreview = read(&report, OF_RESTORE)?;
    show(&report, format, preview::restore::text)?;
    Ok(exit(report.outcome.loses()))
}

/// Refuses a server that knows nothing of dry runs and plans: it would do the thing itself.
pub async fn refuse_others(session: &Session) -> anyhow::Result<()> {
    let answer = server_status::ask(session, SERVER_ANSWERS_IN).await?;
    let version = answer.status.server_version;
    if !version.contains("salvor") {
        bail!("the server ({version}) does not know dry runs and plans: it would do it at once");
    }
    Ok(())
}

/// The report of the restore `name`, which the server has made.
pub async fn report_of_restore(session: &Session, name: &str) -> anyhow::Result<RestorePreview> {
    let target = (DownloadTargetKind::RestoreResults, name);
    read(&download::report(session, target, REPORT_COMES_IN).await?, OF_RESTORE)
}

/// Said of what is something else altogether.
const NO_REPORT: &str = "it is not the report of a dry run";

/// Reads a report of the kind that is wanted, of a version that this program knows.
pub fn read<T: DeserializeOwned>(text: &[u8], wanted: &str) -> anyhow::Result<T> {
    let document: Value = serde_json::from_slice(text).context("it is no JSON")?;
    match document["v"].as_u64() {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => bail!("it has version {version}, and this program knows {VERSION}"),
        None => bail!(NO_REPORT),
    }
    match document["kind"].as_str() {
        Some(kind) if kind == wanted => serde_json::from_value(document).context(NO_REPORT),
        Some(OF_BACKUP) => bail!("it is of the dry run of a backup, and not of a restore"),
        Some(OF_RESTORE) => bail!("it is of the dry run of a restore, and not of a backup"),
        _ => bail!(NO_REPORT),
    }
}

/// A dry run has a name of its own, so that the one that is given stays free.
fn to_dry_run(metadata: &mut ObjectMeta) {
    metadata.name = None;
    metadata.generate_name = Some(PREFIX.to_owned());
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(labels::DRY_RUN.to_owned(), "true".to_owned());
    // Schedules count the backups that carry their label, and owners take what they own along.
    metadata.owner_references = None;
    if let Some(labels) = &mut metadata.labels {
        labels.remove(labels::SCHEDULE_NAME);
    }
}

/// A name that is taken is refused by a real command, too.
async fn refuse_taken<K: Kind>(session: &Session, name: &str) -> anyhow::Result<()> {
    if !name.is_empty() && typed::find::<K>(&session.cluster, &session.namespace, name).await?.is_some() {
        bail!("{}.{} {name:?} already exists", K::PLURAL, K::GROUP);
    }
    Ok(())
}

/// Has the server plan a resource, and gives its report. The resource goes in any case.
async fn planned<K: Kind, P: std::fmt::Display>(
    session: &Session,
    resource: &K,
    kind: DownloadTargetKind,
    look: impl Fn(&K) -> Progress<P>,
) -> anyhow::Result<Vec<u8>> {
    refuse_others(session).await?;
    let name = typed::create(&session.cluster, resource).await?.name().to_owned();
    let report = tokio::select! {
        report = report(session, (kind, &name), look) => report,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
    };
    if let Err(error) = typed::delete::<K>(&session.cluster, &session.namespace, &name).await {
        error_line(&format!("{} {name} stays for a day: failed to {error}", K::KIND));
    }
    report
}

async fn report<K: Kind, P: std::fmt::Display>(
    session: &Session,
    target: download::Target<'_>,
    look: impl Fn(&K) -> Progress<P>,
) -> anyhow::Result<Vec<u8>> {
    let silent = |seen: Seen<&P>| {
        if let Seen::NoAnswer(error) = seen {
            error_line(&format!("failed to {error}; asking again until there is an answer"));
        }
        Ok(())
    };
    let (phase, remarks) = wait((&session.cluster, &session.namespace, target.1), look, silent).await?;
    match phase.to_string().as_str() {
        "Completed" => download::report(session, target, REPORT_COMES_IN).await,
        phase => bail!("it cannot be planned ({phase}): {}", remarks.join("; ")),
    }
}

fn reasons(validation_errors: &[String], failure_reason: &str) -> Vec<String> {
    let failure = Some(failure_reason.to_owned()).filter(|reason| !reason.is_empty());
    validation_errors.iter().cloned().chain(failure).collect()
}

fn show<T: Serialize>(report: &T, format: Option<Format>, text: impl Fn(&T) -> String) -> anyhow::Result<()> {
    match format {
        None | Some(Format::Table) => print(&text(report)),
        Some(format) => print(&objects(format, "", vec![serde_json::to_value(report)?])?),
    }
}

/// 2 where something that is asked for would not be there.
fn exit(loses: bool) -> Exit {
    if loses { Exit::Incomplete } else { Exit::Done }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_dry_run_takes_no_name_and_belongs_to_nobody() {
        let mut backup = Backup::new("velero", "nightly");
        backup.metadata.labels = Some([(labels::SCHEDULE_NAME.to_owned(), "nightly".to_owned())].into());
        backup.metadata.owner_references = Some(Vec::new());
        to_dry_run(&mut backup.metadata);
        let metadata = &backup.to_document()["metadata"];
        assert_eq!(
            *metadata,
            json!({"namespace": "velero", "generateName": "dry-run-", "labels": {},
                "annotations": {"salvor.io/dry-run": "true"}})
        );
    }

    #[test]
    fn what_is_no_report_is_told_apart_from_one_of_another_version() {
        let told = |text: &str| read::<RestorePreview>(text.as_bytes(), OF_RESTORE).unwrap_err().to_string();
        assert_eq!(told("a"), "it is no JSON");
        assert_eq!(told("{}"), "it is not the report of a dry run");
        assert_eq!(told(r#"{"v": 1}"#), "it is not the report of a dry run");
        let backup = r#"{"v": 1, "kind": "BackupPreview", "counts": {}}"#;
        assert_eq!(told(backup), "it is of the dry run of a backup, and not of a restore");
        assert_eq!(told(r#"{"v": 1, "kind": "RestorePreview"}"#), "it is not the report of a dry run");
        assert_eq!(told(r#"{"v": 7}"#), "it has version 7, and this program knows 1");
    }
}
