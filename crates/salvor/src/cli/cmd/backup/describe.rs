//! `backup describe`.

mod hooks;
mod volumes;

use api::velero::v1::{Backup, BackupPhase, DeleteBackupRequest, DownloadTargetKind, PodVolumeBackup};
use api::{Kind, ObjectMeta, labels, names};
use clap::{Args, ValueEnum};
use cluster::typed;
use engine::backup::Omission;
use engine::preview::is_dry_run;
use serde_json::{Value, json};
use volumes::Volumes;

use crate::cli::describe::{DescribeFlags, Files, metadata, problems, selectors};
use crate::cli::logs::has_log;
use crate::cli::output::{error_line, print};
use crate::cli::sheet::Sheet;
use crate::cli::text::{auto, cluster_scoped, joined, marked, selector, time_or};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Describe backups
#[derive(Debug, Args)]
pub struct Describe {
    #[command(flatten)]
    flags: DescribeFlags,
    /// How to print: JSON only where there is one backup
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Plaintext, value_name = "FORMAT")]
    output: Form,
}

/// How a description is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Plaintext,
    Json,
}

/// What is known of a backup besides the resource.
#[derive(Debug, Default)]
struct Known {
    requests: Vec<DeleteBackupRequest>,
    files: Files,
    /// Absent as long as nothing has begun; an error in Velero's words where it was in vain.
    volumes: Option<Result<Volumes, String>>,
}

impl Describe {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let backups: Vec<Backup> = self.flags.find(&session).await?;
        let mut sheets = Vec::new();
        for backup in &backups {
            let known = self.known(&session, backup).await?;
            if self.output == Form::Json && backups.len() == 1 {
                let described = as_json(backup, &known, self.flags.details);
                print(&(serde_json::to_string_pretty(&described)? + "\n"))?;
                return Ok(Exit::Done);
            }
            sheets.push(sheet(backup, &known, self.flags.details, called));
        }
        print(&sheets.join("\n\n"))?;
        Ok(Exit::Done)
    }

    async fn known(&self, session: &Session, backup: &Backup) -> anyhow::Result<Known> {
        use DownloadTargetKind::{BackupResourceList, BackupResults};
        let of_backup = format!("{}={}", labels::BACKUP_NAME, names::label_value(backup.name()));
        let requests = typed::list(&session.cluster, &session.namespace, &of_backup).await?;
        let (name, status) = (backup.name(), &backup.status);
        let mut known = Known { requests, ..Known::default() };
        let dry_run = is_dry_run(backup.metadata.annotations.as_ref());
        if dry_run || status.start_timestamp.is_none() || status.phase == BackupPhase::FailedValidation {
            return Ok(known);
        }
        if has_log(status.phase) {
            let problems = status.errors + status.warnings;
            known.files =
                self.flags.files(session, name, problems, (BackupResults, BackupResourceList)).await;
        }
        let of_pods = typed::list(&session.cluster, &session.namespace, &of_backup).await;
        let of_pods = of_pods.unwrap_or_else(|error| {
            error_line(&format!("error getting PodVolumeBackups for backup {name}: failed to {error}"));
            Vec::new()
        });
        known.volumes = Some(self.volumes(session, backup, &of_pods).await);
        Ok(known)
    }

    /// What became of the data of volumes: a file tells it, and before Velero 1.13 another one.
    async fn volumes(
        &self,
        session: &Session,
        backup: &Backup,
        of_pods: &[PodVolumeBackup],
    ) -> Result<Volumes, String> {
        use DownloadTargetKind::{BackupVolumeInfos, BackupVolumeSnapshots};
        let recorded = match has_log(backup.status.phase) {
            true => self.flags.file_if_any(session, (BackupVolumeInfos, backup.name())).await,
            false => Ok(None),
        };
        let recorded = recorded.map_err(|error| format!("error getting backup volume info: {error}"))?;
        if let Some(infos) = recorded {
            return Ok(Volumes::recorded(infos, of_pods));
        }
        let mut snapshots = Vec::new();
        if backup.status.volume_snapshots_attempted > 0 {
            let file = self.flags.file(session, (BackupVolumeSnapshots, backup.name())).await;
            snapshots = file.map_err(|error| format!("error concluding native snapshot info: {error}"))?;
        }
        Ok(Volumes::unrecorded(snapshots, of_pods))
    }
}

fn sheet(backup: &Backup, known: &Known, details: bool, called: &str) -> String {
    let mut sheet = Sheet::default();
    head(&mut sheet, backup, called);
    problems(&mut sheet, &backup.status.validation_errors, &backup.status.failure_reason, &known.files);
    selection(&mut sheet, backup);
    settings(&mut sheet, backup);
    status(&mut sheet, backup);
    if let Some(resources) = &known.files.resources {
        sheet.resources(resources).blank();
    }
    match &known.volumes {
        None => {}
        Some(Err(error)) => drop(sheet.line("Backup Volumes:").line(format!("\t<{error}>"))),
        Some(Ok(volumes)) => volumes.describe(sheet.line("Backup Volumes:"), details),
    }
    if let Some(hooks) = &backup.status.hook_status {
        sheet.blank().pair(0, "HooksAttempted", hooks.hooks_attempted).pair(
            0,
            "HooksFailed",
            hooks.hooks_failed,
        );
    }
    deletions(&mut sheet, known);
    sheet.finish()
}

fn head(sheet: &mut Sheet, backup: &Backup, called: &str) {
    let status = &backup.status;
    let hint = match status.phase {
        BackupPhase::PartiallyFailed | BackupPhase::Failed => {
            format!(" (run `{called} backup logs {}` for more information)", backup.name())
        }
        _ => String::new(),
    };
    metadata(sheet, &shown(backup));
    sheet.pair(0, "Phase", format!("{}{hint}", marked(status.phase, backup.metadata())));
    if status.phase == BackupPhase::Queued {
        sheet.pair(0, "Queue position", status.queue_position);
    }
    sheet.blank();
    if let Some(policy) = &backup.spec.resource_policy {
        sheet.line("Resource policies:").pair(1, "Type", &policy.kind).pair(1, "Name", &policy.name).blank();
    }
    if let Some(name) = annotation(backup, labels::GLOBAL_VOLUME_POLICIES) {
        sheet.line("Volume policies of the server:").pair(1, "Name", name).blank();
    }
    if let Some(uploader) = backup.spec.uploader_config.as_ref().filter(|of| of.parallel_files_upload > 0) {
        sheet
            .line("Uploader config:")
            .pair(1, "Parallel files upload", uploader.parallel_files_upload)
            .blank();
    }
}

fn selection(sheet: &mut Sheet, backup: &Backup) {
    let spec = &backup.spec;
    sheet.line("Namespaces:").pair(1, "Included", joined(&spec.included_namespaces, "*"));
    sheet.pair(1, "Excluded", joined(&spec.excluded_namespaces, "<none>")).blank().line("Resources:");
    let scoped = [
        ("Included cluster-scoped", &spec.included_cluster_scoped_resources, "<none>"),
        ("Excluded cluster-scoped", &spec.excluded_cluster_scoped_resources, "<none>"),
        ("Included namespace-scoped", &spec.included_namespace_scoped_resources, "*"),
        ("Excluded namespace-scoped", &spec.excluded_namespace_scoped_resources, "<none>"),
    ];
    if scoped.iter().any(|(_, list, _)| !list.is_empty()) {
        for (label, list, none) in scoped {
            sheet.pair(1, label, joined(list, none));
        }
    } else {
        sheet.pair(1, "Included", joined(&spec.included_resources, "*"));
        sheet.pair(1, "Excluded", joined(&spec.excluded_resources, "<none>"));
        sheet.pair(1, "Cluster-scoped", cluster_scoped(spec.include_cluster_resources));
    }
    sheet.blank();
    left_out(sheet, backup);
    selectors(sheet, spec.label_selector.as_ref(), &spec.or_label_selectors);
}

/// The metadata, without what has a section of its own.
fn shown(backup: &Backup) -> ObjectMeta {
    let mut metadata = backup.metadata.clone();
    if let Some(annotations) = metadata.annotations.as_mut().filter(|_| !omissions(backup).is_empty()) {
        annotations.remove(labels::LEFT_OUT);
    }
    metadata
}

/// What is not in the backup since the cluster makes it again by itself.
fn left_out(sheet: &mut Sheet, backup: &Backup) {
    let omissions = omissions(backup);
    if omissions.is_empty() {
        return;
    }
    sheet.line("Left out by rule:");
    for Omission { resource, rule, objects } in omissions {
        let count = objects.map_or_else(|| "all".to_owned(), |objects| objects.to_string());
        sheet.pair(1, &resource.to_string(), format!("{count} ({rule})"));
    }
    sheet.blank();
}

/// A record that cannot be read is one of a later version.
fn omissions(backup: &Backup) -> Vec<Omission> {
    let recorded = annotation(backup, labels::LEFT_OUT);
    recorded.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn annotation<'a>(backup: &'a Backup, key: &str) -> Option<&'a str> {
    backup.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

fn settings(sheet: &mut Sheet, backup: &Backup) {
    let spec = &backup.spec;
    sheet.pair(0, "Storage Location", &spec.storage_location).blank();
    sheet.pair(0, "Velero-Native Snapshot PVs", auto(spec.snapshot_volumes));
    if let Some(default) = spec.default_volumes_to_fs_backup {
        sheet.pair(0, "File System Backup (Default)", default);
    }
    sheet.pair(0, "Snapshot Move Data", auto(spec.snapshot_move_data));
    sheet.pair(0, "Data Mover", if spec.datamover.is_empty() { "velero" } else { &spec.datamover }).blank();
    sheet.pair(0, "TTL", spec.ttl).blank();
    sheet.pair(0, "CSISnapshotTimeout", spec.csi_snapshot_timeout);
    sheet.pair(0, "ItemOperationTimeout", spec.item_operation_timeout).blank();
    hooks::describe(sheet, &spec.hooks);
    if !spec.ordered_resources.is_empty() {
        sheet.line("OrderedResources:");
        for (kind, list) in &spec.ordered_resources {
            sheet.pair(1, kind, list);
        }
        sheet.blank();
    }
}

fn status(sheet: &mut Sheet, backup: &Backup) {
    let status = &backup.status;
    sheet.pair(0, "Backup Format Version", &status.format_version).blank();
    sheet.pair(0, "Started", time_or(status.start_timestamp.as_ref(), "<n/a>"));
    sheet.pair(0, "Completed", time_or(status.completion_timestamp.as_ref(), "<n/a>")).blank();
    sheet.pair(0, "Expiration", time_or(status.expiration.as_ref(), "<nil>")).blank();
    if let Some(progress) = &status.progress {
        let (total, done) = match status.phase {
            BackupPhase::InProgress => ("Estimated total items to be backed up", "Items backed up so far"),
            _ => ("Total items to be backed up", "Items backed up"),
        };
        sheet.pair(0, total, progress.total_items).pair(0, done, progress.items_backed_up).blank();
    }
    let (all, done) = (status.backup_item_operations_attempted, status.backup_item_operations_completed);
    if all > 0 {
        let failed = status.backup_item_operations_failed;
        let text = format!(
            "{done} of {all} completed successfully, {failed} failed (specify --details for more information)"
        );
        sheet.pair(0, "Backup Item Operations", text).blank();
    }
}

fn deletions(sheet: &mut Sheet, known: &Known) {
    let failed = known.requests.iter().filter(|request| !request.status.errors.is_empty()).count();
    if known.requests.is_empty() {
        return;
    }
    sheet.blank().line(format!("Deletion Attempts ({failed} failed):"));
    for request in &known.requests {
        let created = time_or(request.metadata.creation_timestamp.as_ref(), "<n/a>");
        sheet.pair(1, &created, request.status.phase);
        if !request.status.errors.is_empty() {
            sheet.line("\tErrors:");
            for error in &request.status.errors {
                sheet.line(format!("\t\t{error}"));
            }
        }
    }
}

fn as_json(backup: &Backup, known: &Known, details: bool) -> Value {
    let (spec, status) = (&backup.spec, &backup.status);
    let list = |names: &[String], none: &str| joined(names, none);
    let mut described = json!({
        "metadata": {
            "name": backup.name(), "namespace": backup.namespace(),
            "labels": backup.metadata.labels, "annotations": backup.metadata.annotations,
        },
        "phase": status.phase.to_string(),
        "spec": {
            "namespaces": {"included": list(&spec.included_namespaces, "*"), "excluded": list(&spec.excluded_namespaces, "<none>")},
            "resources": {
                "included": list(&spec.included_resources, "*"), "excluded": list(&spec.excluded_resources, "<none>"),
                "clusterScoped": cluster_scoped(spec.include_cluster_resources),
            },
            "labelSelector": selector(spec.label_selector.as_ref()),
            "storageLocation": spec.storage_location,
            "veleroNativeSnapshotPVs": auto(spec.snapshot_volumes),
            "veleroSnapshotMoveData": auto(spec.snapshot_move_data),
            "dataMover": if spec.datamover.is_empty() { "<none>" } else { &spec.datamover },
            "TTL": spec.ttl.to_string(),
            "CSISnapshotTimeout": spec.csi_snapshot_timeout.to_string(),
        },
        "status": {
            "backupFormatVersion": status.format_version,
            "started": time_or(status.start_timestamp.as_ref(), "<n/a>"),
            "completed": time_or(status.completion_timestamp.as_ref(), "<n/a>"),
            "expiration": time_or(status.expiration.as_ref(), "<nil>"),
        },
    });
    if let Some(progress) = &status.progress {
        described["status"]["totalItemsToBeBackedUp"] = json!(progress.total_items);
        described["status"]["itemsBackedUp"] = json!(progress.items_backed_up);
    }
    if let Some(hooks) = hooks::as_json(&spec.hooks) {
        described["spec"]["hooks"] = hooks;
    }
    if let Some(hooks) = &status.hook_status {
        described["status"]["hooksAttempted"] = json!(hooks.hooks_attempted);
        described["status"]["hooksFailed"] = json!(hooks.hooks_failed);
    }
    if !status.validation_errors.is_empty() {
        described["validationErrors"] = json!(status.validation_errors);
    }
    if let Some(Ok(results)) = &known.files.results {
        described["errors"] = json!(results.errors);
        described["warnings"] = json!(results.warnings);
    }
    if let Some(Ok(resources)) = &known.files.resources {
        described["status"]["resourceList"] = json!(resources);
    }
    let omissions = omissions(backup);
    if !omissions.is_empty() {
        described["leftOut"] = json!(omissions);
    }
    if let Some(volumes) = &known.volumes {
        described["status"]["backupVolumes"] = match volumes {
            Ok(volumes) => volumes.to_json(details),
            Err(error) => json!({"errorGetBackupVolumeInfo": error}),
        };
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_described_by_its_spec() {
        let mut backup = Backup::new("velero", "b");
        backup.spec.included_namespaces = vec!["shop".into()];
        backup.spec.storage_location = "default".into();
        backup.status.phase = BackupPhase::Failed;
        backup.status.failure_reason = "the store is full".into();
        let text = sheet(&backup, &Known::default(), false, "velero");
        let expected = "Name:         b\nNamespace:    velero\nLabels:       <none>\nAnnotations:  <none>\n\n\
            Phase:  Failed (run `velero backup logs b` for more information)\n\n\nFailure reason:  the store is full\n\n\
            Namespaces:\n  Included:  shop\n  Excluded:  <none>\n\n\
            Resources:\n  Included:        *\n  Excluded:        <none>\n  Cluster-scoped:  auto\n\n\
            Label selector:  <none>\n\nOr label selector:  <none>\n\nStorage Location:  default\n";
        assert!(text.starts_with(&expected.replace("\n\n\nFailure", "\n\nFailure")), "{text}");
        assert_eq!(as_json(&backup, &Known::default(), false)["spec"]["namespaces"]["included"], "shop");
    }

    #[test]
    fn volumes_are_described_and_so_is_a_file_that_does_not_come() {
        let backup = Backup::new("velero", "b");
        let none = "Backup Volumes:\n  Velero-Native Snapshots: <none included>\n\n  CSI Snapshots: <none included>\n\n  \
                    Pod Volume Backups: <none included>\n";
        let failed = "Backup Volumes:\n  <error getting backup volume info: no>\n";
        let error = Err("error getting backup volume info: no".to_owned());
        let key = "errorGetBackupVolumeInfo";
        for (volumes, text, in_json) in [
            (Ok(Volumes::recorded(Vec::new(), &[])), none, json!(null)),
            (error, failed, json!("error getting backup volume info: no")),
        ] {
            let known = Known { volumes: Some(volumes), ..Known::default() };
            let sheet = sheet(&backup, &known, false, "velero");
            assert!(sheet.ends_with(text), "{sheet}");
            assert_eq!(as_json(&backup, &known, false)["status"]["backupVolumes"][key], in_json);
        }
        assert!(as_json(&backup, &Known::default(), false)["status"]["backupVolumes"].is_null());
    }

    #[test]
    fn what_rules_left_out_is_described() {
        let mut backup = Backup::new("velero", "b");
        let recorded = r#"[{"resource":"events","rule":"event"},{"resource":"endpoints","rule":"endpoints","objects":3}]"#;
        backup.metadata.annotations = Some([(labels::LEFT_OUT.to_owned(), recorded.to_owned())].into());
        let text = sheet(&backup, &Known::default(), false, "velero");
        let section = "Left out by rule:\n  events:     all (events tell what happened in the cluster that they are of)\n  \
                       endpoints:  3 (the cluster makes it from the selector of its Service)\n";
        assert!(text.contains(section), "{text}");
        assert!(
            text.contains("Annotations:  <none>\n"),
            "what is told in a section is not told twice: {text}"
        );
        assert_eq!(as_json(&backup, &Known::default(), false)["leftOut"][1]["objects"], 3);
        let later = [(labels::LEFT_OUT.to_owned(), "of a later version".to_owned())];
        backup.metadata.annotations = Some(later.into());
        let text = sheet(&backup, &Known::default(), false, "velero");
        assert!(text.contains("Annotations:  salvor.io/left-out=of a later version\n"), "{text}");
    }

    #[test]
    fn a_deletion_that_failed_says_why() {
        let mut request = DeleteBackupRequest::new("velero", "d");
        request.status.errors = vec!["the location is read-only".into()];
        let known = Known { requests: vec![request], ..Known::default() };
        let text = sheet(&Backup::new("velero", "b"), &known, false, "velero");
        assert!(text.contains("Deletion Attempts (1 failed):"), "{text}");
        assert!(text.contains("  Errors:\n    the location is read-only\n"), "{text}");
    }
}
