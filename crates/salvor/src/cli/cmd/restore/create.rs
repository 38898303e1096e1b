//! `restore create`.

use anyhow::{anyhow, bail};
use api::velero::v1::{
    Backup, BackupPhase, Restore, RestorePhase, RestoreSpec, RestoreStatusSpec, UploaderConfigForRestore,
};
use api::{GoDuration, Kind, LabelSelector, labels, names};
use clap::Args;
use cluster::typed;
use jiff::tz::TimeZone;

use crate::cli::dry_run;
use crate::cli::filters::config_map;
use crate::cli::output::{OutputFlags, objects, print};
use crate::cli::values::{self, Names, OrSelectors, Pairs, TriState, merged};
use crate::cli::waiting::{Progress, follow, remarks};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Create a restore
#[derive(Debug, Args)]
pub struct Create {
    /// The name of the restore [default: that of the backup or schedule, and the time]
    name: Option<String>,
    /// The backup to restore
    #[arg(long, default_value = "")]
    from_backup: String,
    /// The schedule whose newest completed backup is restored
    #[arg(long, default_value = "")]
    from_schedule: String,
    /// With --from-schedule: take a partially failed backup, too
    #[arg(long, value_parser = values::tri_state, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_partially_failed: Option<TriState>,
    /// Namespaces of the backup to restore; * is all
    #[arg(long, value_parser = values::names, default_value = "*")]
    include_namespaces: Names,
    /// Namespaces of the backup to leave out
    #[arg(long, value_parser = values::names, default_value = "")]
    exclude_namespaces: Names,
    /// New names of namespaces: src1:dst1,src2:dst2
    #[arg(long, value_parser = values::mappings)]
    namespace_mappings: Vec<Pairs>,
    /// Labels for the restore
    #[arg(long, value_parser = values::pairs, value_name = "KEY=VALUE,...")]
    labels: Vec<Pairs>,
    /// Annotations for the restore
    #[arg(long, value_parser = values::pairs, value_name = "KEY=VALUE,...")]
    annotations: Vec<Pairs>,
    /// Resources to restore; * is all
    #[arg(long, value_parser = values::names, default_value = "")]
    include_resources: Names,
    /// Resources to leave out
    #[arg(long, value_parser = values::names, default_value = "")]
    exclude_resources: Names,
    /// What happens to objects that are there already: none, update or recreate
    #[arg(long, default_value = "")]
    existing_resource_policy: String,
    /// Resources that get their status back
    #[arg(long, value_parser = values::names, default_value = "")]
    status_include_resources: Names,
    /// Resources that do not get their status back
    #[arg(long, value_parser = values::names, default_value = "")]
    status_exclude_resources: Names,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_parser = values::selector)]
    selector: Option<LabelSelector>,
    /// Only objects with one of these sets of labels, joined by " or "
    #[arg(long, value_parser = values::or_selectors)]
    or_selector: Option<OrSelectors>,
    /// How long work in the background may take
    #[arg(long, value_parser = values::duration)]
    item_operation_timeout: Option<GoDuration>,
    /// Restore volumes from snapshots
    #[arg(long, value_parser = values::tri_state, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    restore_volumes: Option<TriState>,
    /// Keep the node ports of services
    #[arg(long, value_parser = values::tri_state, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    preserve_nodeports: Option<TriState>,
    /// Include cluster-scoped resources
    #[arg(long, value_parser = values::tri_state, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    include_cluster_resources: Option<TriState>,
    /// The ConfigMap with changes to make to objects
    #[arg(long, default_value = "")]
    resource_modifier_configmap: String,
    /// Do not make the server's default changes to objects
    #[arg(long)]
    skip_default_resource_modifier: bool,
    /// The ConfigMap with resource policies
    #[arg(long, default_value = "")]
    resource_policies_configmap: String,
    /// Make holes in files of runs of zeros
    #[arg(long, value_parser = values::tri_state, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    write_sparse_files: Option<TriState>,
    /// How many files of a volume are written at once
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "COUNT")]
    parallel_files_download: isize,
    /// Wait until the restore has ended
    #[arg(short = 'w', long)]
    wait: bool,
    /// Only show what the restore would do, and in what it would differ; with -o json as a plan for `restore apply`
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    #[command(flatten)]
    output: OutputFlags,
}

impl Create {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        self.check()?;
        let session = Session::open(globals, called).await?;
        let restore = self.restore(&session).await?;
        if self.dry_run {
            return dry_run::of_restore(&session, restore, self.output.output).await;
        }
        if let Some(format) = self.output.output {
            print(&objects(format, "Restore", vec![restore.to_document()])?)?;
            return Ok(Exit::Done);
        }
        self.submit(&session, &restore).await
    }

    fn check(&self) -> anyhow::Result<()> {
        match (self.from_backup.is_empty(), self.from_schedule.is_empty()) {
            (true, true) => {
                bail!("a backup or a schedule must be given, with --from-backup or --from-schedule")
            }
            (false, false) => bail!("either a backup or schedule must be specified, but not both"),
            _ => {}
        }
        values::united(&self.namespace_mappings).map_err(|error| anyhow!("--namespace-mappings: {error}"))?;
        if self.selector.is_some() && self.or_selector.is_some() {
            bail!("either a 'selector' or an 'or-selector' can be specified, but not both");
        }
        if !matches!(self.existing_resource_policy.as_str(), "" | "none" | "update" | "recreate") {
            bail!(
                "existing-resource-policy has invalid value, it accepts only none, update, recreate as value"
            );
        }
        if self.parallel_files_download < 0 {
            bail!("parallel-files-download cannot be negative");
        }
        Ok(())
    }

    async fn restore(&self, session: &Session) -> anyhow::Result<Restore> {
        let (backup, schedule) = self.source(session).await?;
        let of = if self.from_backup.is_empty() { &self.from_schedule } else { &self.from_backup };
        let name = self.name.clone().unwrap_or_else(|| {
            format!("{of}-{}", session.now().to_zoned(TimeZone::system()).strftime("%Y%m%d%H%M%S"))
        });
        let mut restore = Restore::new(&session.namespace, &name);
        restore.metadata.labels = Some(merged(&self.labels)).filter(|map| !map.is_empty());
        restore.metadata.annotations = Some(merged(&self.annotations)).filter(|map| !map.is_empty());
        restore.spec = RestoreSpec { backup_name: backup, schedule_name: schedule, ..self.spec() };
        Ok(restore)
    }

    fn spec(&self) -> RestoreSpec {
        let status = RestoreStatusSpec {
            included_resources: self.status_include_resources.0.clone(),
            excluded_resources: self.status_exclude_resources.0.clone(),
        };
        let (modifier, policies) = (&self.resource_modifier_configmap, &self.resource_policies_configmap);
        RestoreSpec {
            included_namespaces: self.include_namespaces.0.clone(),
            excluded_namespaces: self.exclude_namespaces.0.clone(),
            included_resources: self.include_resources.0.clone(),
            excluded_resources: self.exclude_resources.0.clone(),
            namespace_mapping: merged(&self.namespace_mappings),
            label_selector: self.selector.clone(),
            or_label_selectors: self.or_selector.clone().map(|selectors| selectors.0).unwrap_or_default(),
            restore_pvs: values::told(self.restore_volumes),
            preserve_node_ports: values::told(self.preserve_nodeports),
            include_cluster_resources: values::told(self.include_cluster_resources),
            existing_resource_policy: self.existing_resource_policy.clone(),
            restore_status: (!status.included_resources.is_empty()).then_some(status),
            item_operation_timeout: self.item_operation_timeout.unwrap_or_default(),
            resource_modifier: (!modifier.is_empty()).then(|| config_map(modifier)),
            resource_policy: (!policies.is_empty()).then(|| config_map(policies)),
            skip_default_resource_modifier: self.skip_default_resource_modifier.then_some(true),
            uploader_config: Some(UploaderConfigForRestore {
                write_sparse_files: values::told(self.write_sparse_files),
                parallel_files_download: self.parallel_files_download,
            }),
            ..RestoreSpec::default()
        }
    }

    /// The names of the backup and of the schedule to restore, of which one is given.
    async fn source(&self, session: &Session) -> anyhow::Result<(String, String)> {
        if !self.from_backup.is_empty() {
            let backup: Option<Backup> =
                typed::find(&session.cluster, &session.namespace, &self.from_backup).await?;
            backup.ok_or_else(|| anyhow!("backups.velero.io {:?} not found", self.from_backup))?;
            return Ok((self.from_backup.clone(), String::new()));
        }
        let of_schedule = format!("{}={}", labels::SCHEDULE_NAME, names::label_value(&self.from_schedule));
        let backups: Vec<Backup> = typed::list(&session.cluster, &session.namespace, &of_schedule).await?;
        if backups.is_empty() {
            bail!("No backups found for the schedule {}", self.from_schedule);
        }
        if values::told(self.allow_partially_failed) != Some(true) {
            return Ok((String::new(), self.from_schedule.clone()));
        }
        let usable = |backup: &&Backup| {
            matches!(backup.status.phase, BackupPhase::Completed | BackupPhase::PartiallyFailed)
        };
        let newest = backups.iter().filter(usable).max_by_key(|backup| started(backup));
        let newest = newest
            .ok_or_else(|| anyhow!("No completed or partially failed backups found for the schedule"))?;
        Ok((newest.name().to_owned(), String::new()))
    }

    async fn submit(&self, session: &Session, restore: &Restore) -> anyhow::Result<Exit> {
        typed::create(&session.cluster, restore).await?;
        follow(session, restore.name(), self.wait, progress).await
    }
}

fn started(backup: &Backup) -> Option<jiff::Timestamp> {
    backup.status.start_timestamp.as_ref().map(|at| at.0)
}

/// Where a restore stands.
pub(super) fn progress(restore: &Restore) -> Progress<RestorePhase> {
    let status = &restore.status;
    let counts = status.progress.as_ref().map(|of| (of.items_restored, of.total_items));
    let remarks = remarks(&status.validation_errors, status.errors, status.warnings);
    Progress { phase: status.phase, ended: status.phase.is_terminal(), counts, remarks }
}
