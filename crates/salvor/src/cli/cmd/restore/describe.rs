//! `restore describe`.

use api::Kind;
use api::velero::v1::{DownloadTargetKind, Restore, RestorePhase};
use clap::Args;
use engine::preview::is_dry_run;

use crate::cli::describe::{DescribeFlags, Files, metadata, problems, selectors};
use crate::cli::output::print;
use crate::cli::sheet::Sheet;
use crate::cli::text::{auto, cluster_scoped, joined, marked, time_or};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Describe restores
#[derive(Debug, Args)]
pub struct Describe {
    #[command(flatten)]
    flags: DescribeFlags,
}

impl Describe {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let restores: Vec<Restore> = self.flags.find(&session).await?;
        let mut sheets = Vec::new();
        for restore in &restores {
            sheets.push(sheet(restore, &self.files(&session, restore).await, called));
        }
        print(&sheets.join("\n\n"))?;
        Ok(Exit::Done)
    }

    async fn files(&self, session: &Session, restore: &Restore) -> Files {
        use DownloadTargetKind::{RestoreResourceList, RestoreResults};
        let status = &restore.status;
        let dry_run = is_dry_run(restore.metadata.annotations.as_ref());
        if dry_run || !status.phase.is_terminal() || status.phase == RestorePhase::FailedValidation {
            return Files::default();
        }
        let problems = status.errors + status.warnings;
        self.flags.files(session, restore.name(), problems, (RestoreResults, RestoreResourceList)).await
    }
}

fn sheet(restore: &Restore, files: &Files, called: &str) -> String {
    let mut sheet = Sheet::default();
    head(&mut sheet, restore, called);
    let status = &restore.status;
    problems(&mut sheet, &status.validation_errors, &status.failure_reason, files);
    selection(&mut sheet, restore);
    settings(&mut sheet, restore);
    background(&mut sheet, restore);
    if let Some(resources) = &files.resources {
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
    metadata(sheet, &restore.metadata);
    sheet.pair(0, "Phase", format!("{}{leaving}{hint}", marked(status.phase, restore.metadata())));
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
    selectors(sheet, spec.label_selector.as_ref(), &spec.or_label_selectors);
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
    if spec.resource_modifier.is_none() && spec.skip_default_resource_modifier == Some(true) {
        sheet.pair(0, "Default Resource Modifier", "skipped (SkipDefaultResourceModifier=true)").blank();
    }
    if let Some(policy) = &spec.resource_policy {
        sheet.line("Resource policies:").pair(1, "Type", &policy.kind).pair(1, "Name", &policy.name).blank();
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
        // With a blank after the colon, as Velero has it here.
        sheet.line(format!("HooksAttempted: \t{}", hooks.hooks_attempted));
        sheet.line(format!("HooksFailed: \t{}", hooks.hooks_failed)).blank();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::results::Results;

    #[test]
    fn a_new_restore_is_described_by_its_spec() {
        let mut restore = Restore::new("velero", "r");
        restore.spec.backup_name = "shop".into();
        restore.spec.namespace_mapping = [("shop".to_owned(), "copy".to_owned())].into();
        restore.spec.excluded_resources = vec!["nodes".into(), "events".into()];
        let text = sheet(&restore, &Files::default(), "velero");
        let expected = "Name:         r\nNamespace:    velero\nLabels:       <none>\nAnnotations:  <none>\n\n\
            Phase:  New\n\nStarted:    <n/a>\nCompleted:  <n/a>\n\nBackup:  shop\n\n\
            Namespaces:\n  Included:  all namespaces found in the backup\n  Excluded:  <none>\n\n\
            Resources:\n  Included:        *\n  Excluded:        nodes, events\n  Cluster-scoped:  auto\n\n\
            Namespace mappings:  shop=copy\n\n";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn the_resource_modifier_is_named() {
        let mut restore = Restore::new("velero", "r");
        restore.spec.resource_modifier = Some(crate::cli::filters::config_map("m"));
        let text = sheet(&restore, &Files::default(), "velero");
        assert!(text.contains("\n\nResource modifier:\n  Type:  configmap\n  Name:  m\n"), "{text}");
        restore.spec.resource_modifier = None;
        restore.spec.skip_default_resource_modifier = Some(true);
        let text = sheet(&restore, &Files::default(), "velero");
        assert!(
            text.contains("Default Resource Modifier:  skipped (SkipDefaultResourceModifier=true)\n"),
            "{text}"
        );
    }

    #[test]
    fn the_resource_policy_is_named() {
        let mut restore = Restore::new("velero", "r");
        assert!(!sheet(&restore, &Files::default(), "velero").contains("Resource policies"));
        restore.spec.resource_policy = Some(crate::cli::filters::config_map("p"));
        let text = sheet(&restore, &Files::default(), "velero");
        assert!(text.contains("\n\nResource policies:\n  Type:  configmap\n  Name:  p\n"), "{text}");
    }

    #[test]
    fn an_error_of_several_lines_stays_in_its_column() {
        let mut restore = Restore::new("velero", "r");
        restore.status.validation_errors = vec!["first:\n    a(\n     ^".into(), "second".into()];
        let text = sheet(&restore, &Files::default(), "velero");
        assert!(text.contains("\nValidation errors:  first: a( ^\n                    second\n"), "{text}");
    }

    #[test]
    fn what_went_wrong_is_shown_with_the_command_that_shows_more() {
        let mut restore = Restore::new("velero", "r");
        restore.status.phase = RestorePhase::PartiallyFailed;
        restore.status.errors = 1;
        let mut results = Results::default();
        results.errors.namespaces.insert("shop".into(), vec!["could not restore".into()]);
        let files = Files {
            results: Some(Ok(results)),
            resources: Some(Ok([("v1/Pod".to_owned(), vec!["shop/a(created)".to_owned()])].into())),
        };
        let text = sheet(&restore, &files, "salvor");
        for expected in [
            "Phase:  PartiallyFailed (run 'salvor restore logs r' for more information)\n",
            "Errors:\n  Velero:   <none>\n  Cluster:  <none>\n  Namespaces:\n    shop:  could not restore\n",
            "Resource List:\n  v1/Pod:\n    - shop/a(created)\n",
        ] {
            assert!(text.contains(expected), "{expected}\nis not in\n{text}");
        }
    }
}
