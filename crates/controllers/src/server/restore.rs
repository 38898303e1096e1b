//! Restores: what a Restore's phase leads on to, one step at a time.

use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use api::labels::RESTORE_FINALIZER;
use api::velero::v1::{AccessMode, Backup, BackupStorageLocation, Restore, RestorePhase};
use engine::catalog::Catalog;
use engine::document::is_leaving;
use engine::machine::restore::{Files, Journal, Limits, Observed, Operations, Step, after_finalize, next};
use engine::preview::{document_is_dry_run, is_dry_run};
use engine::problem::{Problem, Severity};
use engine::restore::order::Priorities;
use engine::restore::prepare::{Defaults, Observed as Prepared};
use engine::restore::problems::OPERATIONS_LOST;
use engine::restore::{Prepared as Preparation, Request, prepare};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::backup_files::read_restore_file;
use store::bucket::RestoreFile;
use tracing::warn;

use crate::deps::Deps;
use crate::error::{Error, Result, read};
use crate::metrics::Metric;
use crate::objects::{amend, amend_status, find, list, patch, stamp};
use crate::operation::attempts::conclude;
use crate::operation::{Operation, Place, failed, restore as operation};
use crate::report::report;
use crate::runtime::{Next, Spec, never};
use crate::{adjust, choice};

/// A run has a deadline of its own in the machine; this one only ends what hangs.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// The controller.
pub static SPEC: Spec<Deps> = spec(
    "restore",
    |document, _| is_alive(document) && !document_is_dry_run(document),
    |deps| deps.config.restore.concurrent.max(1),
);

/// The controller of dry runs: they write nothing, and need not wait until a restore has ended.
pub static DRY_RUNS: Spec<Deps> =
    spec("restore-dry-run", |document, _| is_alive(document) && document_is_dry_run(document), |_| 1);

const fn spec(
    name: &'static str,
    concerns: fn(&Value, Timestamp) -> bool,
    workers: fn(&Deps) -> usize,
) -> Spec<Deps> {
    Spec {
        name,
        watches: Restore::resource_type,
        concerns,
        resync: |_| Duration::from_secs(60),
        stirs: never,
        workers,
        deadline: DEADLINE,
        reconcile: |deps, document| Box::pin(reconcile(deps, document)),
    }
}

/// Those that are being deleted are another controller's.
fn is_alive(document: &Value) -> bool {
    let phase = document["status"]["phase"].as_str().unwrap_or_default();
    let ended = phase.parse::<RestorePhase>().is_ok_and(RestorePhase::is_terminal);
    !ended && !is_leaving(document)
}

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let restore: Restore = read(&document)?;
    // Where a journal is, and how far, the run itself finds out.
    let operations = lost_operations(&deps, &document, &restore).await;
    let observed = Observed {
        restore: &restore,
        journal: Journal::Absent,
        operations,
        files: Files::None,
        limits: Limits::default(),
    };
    let now = deps.now();
    match next(&observed, now) {
        Step::AddFinalizer => guard(&deps, &document).await?,
        Step::Prepare => begin(&deps, &restore, now).await?,
        Step::Run { .. } => run(&deps, &document, &restore).await?,
        Step::Enter(phase) if phase.is_terminal() => end(&deps, &restore, phase, now).await?,
        Step::Enter(phase) => {
            let errors = restore.status.errors + operations.failed as isize;
            enter(&deps, &restore, json!({ "phase": phase.to_string(), "errors": errors })).await?;
        }
        Step::Finalize => end(&deps, &restore, after_finalize(restore.status.phase, 0), now).await?,
        Step::Fail(problem) => fail(&deps, &document, &restore, *problem).await?,
        Step::Wait(until) => return Ok(Next::at(until, now)),
        Step::DeleteFiles | Step::RemoveFinalizer | Step::Rest => {}
    }
    Ok(Next::Wait)
}

/// What went on in the background when a server of Velero ended that had begun the restore: nobody brings it to its end
/// any more. What cannot be read counts as one.
async fn lost_operations(deps: &Arc<Deps>, document: &Value, restore: &Restore) -> Operations {
    use RestorePhase as Phase;
    let waits = [Phase::WaitingForPluginOperations, Phase::WaitingForPluginOperationsPartiallyFailed];
    if !waits.contains(&restore.status.phase) {
        return Operations::default();
    }
    let listed = async {
        let operation = open(deps, document, restore).await?;
        let file = RestoreFile::ItemOperations;
        let list = read_restore_file::<Vec<Value>>(operation.store.as_ref(), restore.name(), file).await?;
        Result::Ok(list.unwrap_or_default().len())
    };
    let failed = listed.await.unwrap_or(1);
    if failed > 0 {
        let message =
            format!("{failed} operations in the background ended with the server that had begun the restore");
        let problem = Problem::new(&OPERATIONS_LOST, Severity::Error, message);
        report(deps, document, "TakenOver", &problem).await;
    }
    Operations { unfinished: 0, failed }
}

async fn guard(deps: &Deps, document: &Value) -> Result<()> {
    let mut finalizers = engine::document::list(document, &["metadata", "finalizers"]).to_vec();
    finalizers.push(json!(RESTORE_FINALIZER));
    let version = &document["metadata"]["resourceVersion"];
    let change = json!({"metadata": {"finalizers": finalizers, "resourceVersion": version}});
    patch::<Restore>(deps, engine::document::name(document), change).await.map(drop)
}

/// Completes and validates a new Restore.
async fn begin(deps: &Deps, restore: &Restore, now: Timestamp) -> Result<()> {
    let catalog = Catalog::new(deps.cluster.discover().await?.types);
    let backups = list::<Backup>(deps, "").await?;
    let locations = list::<BackupStorageLocation>(deps, "").await?;
    let mut config_maps = adjust::read(deps, &restore.spec).await?.errors;
    config_maps.extend(choice::policy(deps, &restore.spec).await?.err().unwrap_or_default());
    let observed = Prepared {
        backups: &backups,
        locations: &locations,
        catalog: &catalog,
        config_maps: &config_maps,
        now,
    };
    let defaults = Defaults { item_operation_timeout: deps.config.backup.item_operation_timeout.into() };
    let Preparation { spec, status, validation_errors } = prepare(restore, &observed, &defaults);
    let metric = match validation_errors.is_empty() {
        true => Metric::RestoreAttempt,
        false => Metric::RestoreValidationFailure,
    };
    if !is_dry_run(restore.metadata.annotations.as_ref()) {
        deps.metrics.count(metric, &[spec.schedule_name.as_str()]);
    }
    let change = json!({ "spec": spec, "status": status });
    amend(deps, restore, change).await.map(drop)
}

async fn run(deps: &Arc<Deps>, document: &Value, restore: &Restore) -> Result<()> {
    let attempt = attempt(deps, document, restore).await;
    conclude(deps, document, attempt, |problem| fail(deps, document, restore, problem)).await
}

async fn attempt(deps: &Arc<Deps>, document: &Value, restore: &Restore) -> Result<()> {
    let operation = open(deps, document, restore).await?;
    let request = Request::of(restore, priorities(deps));
    match document_is_dry_run(document) {
        true => operation::dry_run(&operation, &request).await,
        false => operation::run(&operation, &request).await,
    }
}

async fn open(deps: &Arc<Deps>, document: &Value, restore: &Restore) -> Result<Operation> {
    let missing = |what: String| Error::Config(format!("run restore {}: {what}", restore.name()));
    let backup = find::<Backup>(deps, &restore.spec.backup_name).await?;
    let backup = backup.ok_or_else(|| missing(format!("backup {} not found", restore.spec.backup_name)))?;
    let location = find::<BackupStorageLocation>(deps, &backup.spec.storage_location).await?;
    let location =
        location.ok_or_else(|| missing(format!("location {} not found", backup.spec.storage_location)))?;
    let read_only = location.spec.access_mode == AccessMode::ReadOnly;
    let place = Place { store: deps.stores.open(&location).await?, read_only };
    Ok(Operation::new(deps, Restore::resource_type(), document, place, &restore.spec.schedule_name))
}

/// The order of types that the server was told, or Velero's.
fn priorities(deps: &Deps) -> Priorities {
    match &deps.config.restore.priorities {
        Some(told) => Priorities { high: told.high.clone(), low: told.low.clone() },
        None => Priorities::default(),
    }
}

async fn end(deps: &Deps, restore: &Restore, phase: RestorePhase, now: Timestamp) -> Result<()> {
    let schedule = [restore.spec.schedule_name.as_str()];
    let metric = match phase {
        RestorePhase::Completed => Metric::RestoreSuccess,
        _ => Metric::RestorePartialFailure,
    };
    deps.metrics.count(metric, &schedule);
    enter(deps, restore, json!({ "phase": phase.to_string(), "completionTimestamp": stamp(now) })).await
}

/// Ends a Restore that has begun as `Failed`: with a report of what it did, where the location can be used.
async fn fail(deps: &Arc<Deps>, document: &Value, restore: &Restore, problem: Problem) -> Result<()> {
    if document_is_dry_run(document) {
        return enter(deps, restore, failed(&[problem], None, &stamp(deps.now()))).await;
    }
    let error = match open(deps, document, restore).await {
        Ok(operation) => return operation::fail(&operation, &problem).await,
        Err(error) => error,
    };
    warn!(restore = restore.name(), "failed to {error}; it ends without log and results");
    deps.metrics.count(Metric::RestoreFailure, &[restore.spec.schedule_name.as_str()]);
    enter(deps, restore, failed(&[problem], Some(&error), &stamp(deps.now()))).await
}

async fn enter(deps: &Deps, restore: &Restore, status: Value) -> Result<()> {
    amend_status(deps, restore, status).await.map(drop)
}
