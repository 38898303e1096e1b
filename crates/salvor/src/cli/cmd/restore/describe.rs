//! `restore describe`.

use std::time::Duration;

use api::Kind;
use api::velero::v1::{DownloadTargetKind, Restore, RestorePhase};
use clap::Args;
use cluster::typed;
use engine::results::Results;
use serde::de::DeserializeOwned;

use crate::cli::cmd::backup::get::selector;
use crate::cli::download::{DownloadFlags, text};
use crate::cli::output::print;
use crate::cli::selection::named;
use crate::cli::sheet::{Names, Sheet};
use crate::cli::text::{auto, cluster_scoped, joined, time_or};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// How long each file of the description may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Describe restores
#[derive(Debug, Args)]
pub struct Describe {
    /// Names of the restores; all where there are none
    names: Vec<String>,
    /// Only those with these labels
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// Show what needs files of the restore, too
    #[arg(long)]
    details: bool,
    #[command(flatten)]
    download: DownloadFlags,
}

/// What is known of a restore besides the resource.
#[derive(Debug, Default)]
struct Known {
    results: Option<Result<Results, String>>,
    resources: Option<Result<Names, String>>,
}

impl Describe {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let restores: Vec<Restore> = match self.names.is_empty() {
            true => typed::list(&session.cluster, &session.namespace, &self.selector).await?,
            false => named(&session, &self.names).await?,
        };
        let mut sheets = Vec::new();
        for restore in &restores {
            sheets.push(sheet(restore, &self.known(&session, restore).await, called));
        }
        print(&sheets.join("\n\n"))?;
        Ok(Exit::Done)
    }

    async fn known(&self, session: &Session, restore: &Restore) -> Known {
        use DownloadTargetKind as Target;
        let status = &restore.status;
        let mut known = Known::default();
        if !status.phase.is_terminal() || status.phase == RestorePhase::FailedValidation {
            return known;
        }
        let target = |kind| (kind, restore.name());
        if status.errors + status.warnings > 0 {
            known.results = Some(self.file(session, target(Target::RestoreResults)).await);
        }
        if self.details {
            known.resources = Some(self.file(session, target(Target::RestoreResourceList)).await);
        }
        known
    }

    async fn file<T: DeserializeOwned + Default>(
        &self,
        session: &Session,
        target: (DownloadTargetKind, &str),
    ) -> Result<T, String> {
        let content =
            text(session, &self.download, target, TIMEOUT).await.map_err(|error| error.to_string())?;
        engine::files::decode(&content).map_err(|error| error.to_string())
    }
}

fn sheet(restore: &Restore, known: &Known, called: &str) -> String {
    let mut sheet = Sheet::default();
    head(&mut sheet, restore, called);
    problems(&mut sheet, restore, known);
    selection(&mut sheet, restore);
    settings(&mut sheet, restore);
    background(&mut sheet, restore);
    if let Some(resources) = &known.resources {
        sheet.resources(resources);
    }
    sheet.finish()
}

fn head(sheet: &mut Sheet, restore: &Restore, called: &str) {
    let status = &restore.status;
    let leaving = if restore.metadata.deletion_timestamp.is_some() { " (Deleting)" } else { "" };
    let hint = match status.phase {
        RestorePhase::PartiallyFailed | RestorePhase::Failed => {
            format!(" (run '{called} restore logs {}' for more information)", restore.name())
        }
        _ => String::new(),
    };
    sheet.pair(0, "Name", restore.name()).pair(0, "Namespace", restore.namespace());
    sheet.map("Labels", restore.metadata.labels.as_ref());
    sheet.map("Annotations", restore.metadata.annotations.as_ref()).blank();
    sheet.pair(0, "Phase", format!("{}{leaving}{hint}", status.phase));
    if let Some(progress) = &status.progress {
        let (total, done) = match status.phase {
            RestorePhase::InProgress => ("Estimated total items to be restored", "Items restored so far"),
            _ => ("Total items to be restored", "Items restored"),
        };
        sheet.pair(0, total, progress.total_items).pair(0, done, progress.items_restored);
    }
    sheet.blank().pair(0, "Started", time_or(status.start_timestamp.as_ref(), "<n/a>"));
    sheet.pair(0, "Completed", time_or(status.completion_timestamp.as_ref(), "<n/a>")).blank();
}

fn problems(sheet: &mut Sheet, restore: &Restore, known: &Known) {
    let status = &restore.status;
    if !status.validation_errors.is_empty() {
        sheet.several(0, "Validation errors", status.validation_errors.clone()).blank();
    }
    if !status.failure_reason.is_empty() {
        sheet.pair(0, "Failure reason", &status.failure_reason).blank();
    }
    if let Some(results) = &known.results {
        sheet.results(results);
    }
}

fn selection(sheet: &mut Sheet, restore: &Restore) {
    let spec = &restore.spec;
    let everything = spec.included_namespaces.is_empty() || spec.included_namespaces == ["*"];
    let included = match everything {
        true => "all namespaces found in the backup".to_owned(),
        false => spec.included_namespaces.join(", "),
    };
    if !spec.schedule_name.is_empty() {
        sheet.pair(0, "Schedule", &spec.schedule_name);
    }
    sheet.pair(0, "Backup", &spec.backup_name).blank();
    sheet.line("Namespaces:").pair(1, "Included", included);
    sheet.pair(1, "Excluded", joined(&spec.excluded_namespaces, "<none>")).blank();
    sheet.line("Resources:").pair(1, "Included", joined(&spec.included_resources, "*"));
    sheet.pair(1, "Excluded", joined(&spec.excluded_resources, "<none>"));
    sheet.pair(1, "Cluster-scoped", cluster_scoped(spec.include_cluster_resources)).blank();
    sheet.map("Namespace mappings", Some(&spec.namespace_mapping)).blank();
    sheet.pair(0, "Label selector", selector(spec.label_selector.as_ref())).blank();
    let any: Vec<_> = spec.or_label_selectors.iter().map(|of| selector(Some(of))).collect();
    sheet
        .pair(0, "Or label selector", if any.is_empty() { "<none>".to_owned() } else { any.join(" or ") })
        .blank();
}

fn settings(sheet: &mut Sheet, restore: &Restore) {
    let spec = &restore.spec;
    let policy = Some(spec.existing_resource_policy.as_str()).filter(|policy| !policy.is_empty());
    sheet.pair(0, "Restore PVs", auto(spec.restore_pvs)).blank();
    sheet.line("CSI Snapshot Restores: <none included>").blank();
    sheet.pair(0, "Existing Resource Policy", policy.unwrap_or("<none>"));
    sheet.pair(0, "ItemOperationTimeout", spec.item_operation_timeout).blank();
    sheet.pair(0, "Preserve Service NodePorts", auto(spec.preserve_node_ports)).blank();
    if let Some(modifier) = &spec.resource_modifier {
        sheet
            .line("Resource modifier:")
            .pair(1, "Type", &modifier.kind)
            .pair(1, "Name", &modifier.name)
            .blank();
    }
    let Some(uploader) = &spec.uploader_config else { return };
    let parallel = uploader.parallel_files_download;
    if uploader.write_sparse_files.is_none() && parallel == 0 {
        return;
    }
    sheet.line("Uploader config:");
    if let Some(sparse) = uploader.write_sparse_files {
        sheet.pair(1, "Write Sparse Files", sparse);
    }
    if parallel > 0 {
        sheet.pair(1, "Parallel Restore", parallel);
    }
    sheet.blank();
}

fn background(sheet: &mut Sheet, restore: &Restore) {
    let status = &restore.status;
    let (all, done) = (status.restore_item_operations_attempted, status.restore_item_operations_completed);
    if all > 0 {
        let failed = status.restore_item_operations_failed;
        sheet.pair(
            0,
            "Restore Item Operations",
            format!("{done} of {all} completed successfully, {failed} failed"),
        );
        sheet.blank();
    }
    if let Some(hooks) = &status.hook_status {
        sheet
            .pair(0, "HooksAttempted", hooks.hooks_attempted)
            .pair(0, "HooksFailed", hooks.hooks_failed)
            .blank();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_restore_is_described_by_its_spec() {
        let mut restore = Restore::new("velero", "r");
        restore.spec.backup_name = "shop".into();
        restore.spec.namespace_mapping = [("shop".to_owned(), "copy".to_owned())].into();
        restore.spec.excluded_resources = vec!["nodes".into(), "events".into()];
        let text = sheet(&restore, &Known::default(), "velero");
        let expected = "Name:         r\nNamespace:    velero\nLabels:       <none>\nAnnotations:  <none>\n\n\
            Phase:  New\n\nStarted:    <n/a>\nCompleted:  <n/a>\n\nBackup:  shop\n\n\
            Namespaces:\n  Included:  all namespaces found in the backup\n  Excluded:  <none>\n\n\
            Resources:\n  Included:        *\n  Excluded:        nodes, events\n  Cluster-scoped:  auto\n\n\
            Namespace mappings:  shop=copy\n\n";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn what_went_wrong_is_shown_with_the_command_that_shows_more() {
        let mut restore = Restore::new("velero", "r");
        restore.status.phase = RestorePhase::PartiallyFailed;
        restore.status.errors = 1;
        let mut results = Results::default();
        results.errors.namespaces.insert("shop".into(), vec!["could not restore".into()]);
        let known = Known {
            results: Some(Ok(results)),
            resources: Some(Ok([("v1/Pod".to_owned(), vec!["shop/a(created)".to_owned()])].into())),
        };
        let text = sheet(&restore, &known, "salvor");
        for expected in [
            "Phase:  PartiallyFailed (run 'salvor restore logs r' for more information)\n",
            "Errors:\n  Velero:   <none>\n  Cluster:  <none>\n  Namespaces:\n    shop:  could not restore\n",
            "Resource List:\n  v1/Pod:\n    - shop/a(created)\n",
        ] {
            assert!(text.contains(expected), "{expected}\nis not in\n{text}");
        }
    }
}
