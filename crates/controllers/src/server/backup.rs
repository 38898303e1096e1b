//! Backups: what a Backup's phase leads on to, one step at a time. Two controllers look at them: one keeps the
//! queue moving, the other works on those whose turn it is, so that a long run holds up no one's place.

use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use api::meta::ResourceType;
use api::velero::v1::{AccessMode, Backup, BackupPhase, BackupStorageLocation, VolumeSnapshotLocation};
use cluster::port::ListPage;
use engine::backup::{Defaults, NamespaceFacts, Observed as Prepared, Planner, Version, prepare};
use engine::catalog::Catalog;
use engine::machine::backup::{Limits, Observed, Step, next};
use engine::machine::restore::{Journal, Operations};
use engine::policy::{Source, Sources};
use engine::preview::{document_is_dry_run, is_dry_run};
use engine::problem::Problem;
use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::warn;

use crate::deps::Deps;
use crate::error::{Error, Result, read};
use crate::metrics::Metric;
use crate::objects::{amend, amend_status, find, find_config_map, list, stamp};
use crate::operation::attempts::conclude;
use crate::operation::{Operation, Place, backup as operation, failed};
use crate::runtime::{Next, Spec, never};

/// A run has a deadline of its own in the machine; this one only ends what hangs.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// Keeps the queue moving.
pub static QUEUE: Spec<Deps> = Spec {
    name: "backup-queue",
    watches: Backup::resource_type,
    concerns: |document, _| matches!(phase(document), BackupPhase::New | BackupPhase::Queued),
    resync: |_| Duration::from_secs(10),
    // Whoever waits in the queue goes on when another one runs no more.
    stirs: |document| is_past_running(phase(document)),
    workers: |_| 1,
    deadline: Duration::from_secs(60),
    reconcile: |deps, document| Box::pin(reconcile(deps, document)),
};

/// Works on those whose turn it is.
pub static SPEC: Spec<Deps> = Spec {
    name: "backup",
    watches: Backup::resource_type,
    concerns: |document, _| is_due(phase(document)),
    resync: |_| Duration::from_secs(60),
    stirs: never,
    workers: |deps| deps.config.backup.concurrent.max(1),
    deadline: DEADLINE,
    reconcile: |deps, document| Box::pin(reconcile(deps, document)),
};

fn phase(document: &Value) -> BackupPhase {
    document["status"]["phase"].as_str().unwrap_or_default().parse().unwrap_or_default()
}

fn is_past_running(phase: BackupPhase) -> bool {
    use BackupPhase::{InProgress, New, Queued, ReadyToStart};
    !matches!(phase, New | Queued | ReadyToStart | InProgress)
}

fn is_due(phase: BackupPhase) -> bool {
    !phase.is_terminal() && !matches!(phase, BackupPhase::New | BackupPhase::Queued | BackupPhase::Deleting)
}

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let backup: Backup = read(&document)?;
    let backups = list::<Backup>(&deps, "").await?;
    let namespaces = namespaces(&deps).await?;
    // Where a journal is, and how far, the run itself finds out.
    let observed = Observed {
        backup: &backup,
        backups: &backups,
        namespaces: &namespaces,
        journal: Journal::Absent,
        operations: Operations::default(),
        limits: Limits { concurrent_backups: deps.config.backup.concurrent, ..Limits::default() },
    };
    let now = deps.now();
    match next(&observed, now) {
        Step::Queue { position } => {
            let status = json!({ "phase": BackupPhase::Queued.to_string(), "queuePosition": position });
            enter(&deps, &backup, status).await?;
        }
        Step::Enter(phase) => {
            enter(&deps, &backup, json!({ "phase": phase.to_string(), "queuePosition": null })).await?;
        }
        Step::Prepare => begin(&deps, &backup, namespaces, now).await?,
        Step::Run { .. } | Step::Finalize => run(&deps, &document, &backup, &namespaces).await?,
        Step::Fail(problem) => fail(&deps, &document, &backup, *problem).await?,
        Step::Wait(until) => return Ok(Next::at(until, now)),
        Step::Rest => {}
    }
    Ok(Next::Wait)
}

/// Completes and validates a Backup whose turn has come.
async fn begin(deps: &Deps, backup: &Backup, namespaces: Vec<NamespaceFacts>, now: Timestamp) -> Result<()> {
    let version = deps.cluster.version().await?;
    let observed = Prepared {
        catalog: catalog(deps).await?,
        namespaces,
        locations: list::<BackupStorageLocation>(deps, "").await?,
        snapshot_locations: list::<VolumeSnapshotLocation>(deps, "").await?,
        version: Version { git: version.git_version, major: version.major, minor: version.minor },
        policies: policies(deps, backup).await?,
    };
    let prepared = prepare(backup, &observed, &defaults(deps), now);
    let metric = match prepared.validation_errors.is_empty() {
        true => Metric::BackupAttempt,
        false => Metric::BackupValidationFailure,
    };
    if !is_dry_run(backup.metadata.annotations.as_ref()) {
        deps.metrics.count(metric, &[schedule(backup)]);
    }
    let change = json!({
        "metadata": { "labels": prepared.labels, "annotations": prepared.annotations },
        "spec": prepared.spec,
        "status": prepared.status,
    });
    amend(deps, backup, change).await.map(drop)
}

async fn run(
    deps: &Arc<Deps>,
    document: &Value,
    backup: &Backup,
    namespaces: &[NamespaceFacts],
) -> Result<()> {
    let attempt = attempt(deps, document, backup, namespaces).await;
    conclude(deps, document, attempt, |problem| fail(deps, document, backup, problem)).await
}

async fn attempt(
    deps: &Arc<Deps>,
    document: &Value,
    backup: &Backup,
    namespaces: &[NamespaceFacts],
) -> Result<()> {
    let operation = open(deps, document, backup).await?;
    let found = deps.cluster.discover().await?;
    let policies = policies(deps, backup).await?;
    let every_version = deps.config.every_version();
    let catalog = Catalog::new(found.types);
    let planner = Planner::following(backup, &catalog, namespaces, (&policies, every_version));
    let planner = planner.without(&found.failed);
    match document_is_dry_run(document) {
        true => operation::dry_run(&operation, &planner).await,
        false => operation::run(&operation, &planner).await,
    }
}

async fn open(deps: &Arc<Deps>, document: &Value, backup: &Backup) -> Result<Operation> {
    let name = &backup.spec.storage_location;
    let location = find::<BackupStorageLocation>(deps, name).await?;
    let location = location
        .ok_or_else(|| Error::Config(format!("run backup {}: location {name} not found", backup.name())))?;
    if location.spec.access_mode == AccessMode::ReadOnly {
        return Err(Error::Config(format!("write to location {name}: it has become read-only")));
    }
    let place = Place { store: deps.stores.open(&location).await?, read_only: false };
    Ok(Operation::new(deps, Backup::resource_type(), document, place, schedule(backup)))
}

/// Ends a Backup as `Failed`: with a report in its location where it had begun to run and the location can be used.
async fn fail(deps: &Arc<Deps>, document: &Value, backup: &Backup, problem: Problem) -> Result<()> {
    if document_is_dry_run(document) {
        return enter(deps, backup, failed(&[problem], None, &stamp(deps.now()))).await;
    }
    let begun = backup.status.start_timestamp.is_some();
    let unreported = match open(deps, document, backup).await {
        Ok(operation) if begun => return operation::fail(&operation, &problem).await,
        Err(error) if begun => Some(error),
        _ => None,
    };
    if let Some(error) = &unreported {
        warn!(backup = backup.name(), "failed to {error}; it ends without log and results");
    }
    deps.metrics.count(Metric::BackupFailure, &[schedule(backup)]);
    enter(deps, backup, failed(&[problem], unreported.as_ref(), &stamp(deps.now()))).await
}

async fn enter(deps: &Deps, backup: &Backup, status: Value) -> Result<()> {
    amend_status(deps, backup, status).await.map(drop)
}

async fn catalog(deps: &Deps) -> Result<Catalog> {
    Ok(Catalog::new(deps.cluster.discover().await?.types))
}

async fn namespaces(deps: &Deps) -> Result<Vec<NamespaceFacts>> {
    let of = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
    let mut page = ListPage { limit: deps.config.limits.page_size, ..ListPage::default() };
    let mut all = Vec::new();
    loop {
        let found = deps.cluster.list(&of, None, &page).await?;
        all.extend(found.items.iter().map(NamespaceFacts::of));
        match found.resume {
            None => return Ok(all),
            resume => page.resume = resume,
        }
    }
}

/// The resource policies that a Backup follows, as they are in the cluster.
async fn policies(deps: &Deps, backup: &Backup) -> Result<Sources> {
    let mut sources = Sources::default();
    if let Some(own) = &backup.spec.resource_policy {
        sources.own = Some(policy(deps, &own.name).await?);
    }
    if let Some(name) = &deps.config.backup.volume_policies {
        sources.global = Some(policy(deps, name).await?);
    }
    Ok(sources)
}

async fn policy(deps: &Deps, name: &str) -> Result<Source> {
    Ok(Source { name: name.to_owned(), document: find_config_map(deps, name).await? })
}

fn defaults(deps: &Deps) -> Defaults {
    let told = &deps.config.backup;
    Defaults {
        ttl: told.ttl.into(),
        item_operation_timeout: told.item_operation_timeout.into(),
        volume_group_snapshot_label_key: told.volume_group_label.clone(),
        volumes_to_fs_backup: told.volumes_to_fs_backup,
        snapshot_move_data: told.snapshot_move_data,
        storage_location: deps.config.default_location.clone(),
        snapshot_locations: told.snapshot_locations.clone(),
        resource_timeout: deps.config.limits.resource_timeout.into(),
        ..Defaults::default()
    }
}

fn schedule(backup: &Backup) -> &str {
    let labels = backup.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(api::labels::SCHEDULE_NAME)).map_or("", String::as_str)
}
