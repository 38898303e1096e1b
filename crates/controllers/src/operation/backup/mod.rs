//! A backup: what is selected is spooled, the plan is made once, and then the archive and its side files go up,
//! the commit marker last.

mod collect;
mod contents;
mod dry_run;
mod hooks;
mod pages;
mod report;

use std::sync::Arc;
use std::time::Duration;

use engine::archive;
use engine::backup::{BackupPlan, Planner, problems};
use engine::document::uid;
use engine::hooks::Steps;
use engine::journal::Progress;
use engine::problem::{Problem, Severity};
use serde_json::json;
use store::backup_files::{self, Commit, read_marker};
use store::bucket::BackupFile;
use tokio::time::{MissedTickBehavior, interval};

use self::contents::Packed;
pub use self::dry_run::dry_run;
use self::report::Report;
use super::journal::Journal;
use super::log::OperationLog;
use super::spool::Spool;
use super::{Operation, still_wanted};
use crate::error::{Error, Result};

/// How often the status says how far we are.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Runs a backup to its end, from wherever it is. A failure to go on is an error: then it is tried again.
pub async fn run(operation: &Operation, planner: &Planner) -> Result<()> {
    let report = Report { operation, log: &log(operation) };
    let (journal, progress) = Journal::open(operation).await?;
    let journal = Arc::new(journal);
    if let Some(marker) = read_marker(operation.store.as_ref(), operation.name()).await? {
        report.is_there(marker).await?;
        return leave(operation, &journal).await;
    }
    match attempt(&report, planner, (&journal, progress.hooks)).await {
        Ok(committed) => report.finish(&committed).await?,
        // The journal stays: by it, what is left in the folder of the backup is known to be ours, and swept.
        Err(Error::Refused(problem)) => {
            report.fail(&[*problem], &Steps::default()).await?;
            return Ok(
                backup_files::release(operation.store.as_ref(), operation.name(), &operation.uid).await?
            );
        }
        Err(error) => return Err(error),
    }
    leave(operation, &journal).await
}

/// The operation has ended: its name is free, and its journal goes.
async fn leave(operation: &Operation, journal: &Journal) -> Result<()> {
    backup_files::release(operation.store.as_ref(), operation.name(), &operation.uid).await?;
    journal.remove().await
}

/// Ends a backup that has begun and may not go on. One that was committed already is complete, however late.
pub async fn fail(operation: &Operation, problem: &Problem) -> Result<()> {
    let report = Report { operation, log: &log(operation) };
    let marker = read_marker(operation.store.as_ref(), operation.name()).await;
    if let Ok(Some(marker)) = marker
        && uid(&marker.backup) == operation.uid
    {
        return report.is_there(marker).await;
    }
    let (mut problems, mut hooks) = (Vec::new(), Steps::default());
    if let Some((plan, journal, progress)) = begun(operation).await {
        report.log.lines(plan.log(operation.deps.now()));
        hooks = hooks::release(operation, (&journal, progress.hooks), &plan, report.log).await;
        problems = plan.problems;
        problems.extend(hooks.problems().cloned());
    }
    problems.push(problem.clone());
    report.fail(&problems, &hooks).await
}

/// Releases what may be at rest in a backup that nobody goes on with, such as one whose Backup was deleted when its
/// server had died.
pub async fn release(operation: &Operation) {
    if let Some((plan, journal, progress)) = begun(operation).await {
        hooks::release(operation, (&journal, progress.hooks), &plan, &log(operation)).await;
    }
}

/// What was planned and done, where that can still be read.
async fn begun(operation: &Operation) -> Option<(BackupPlan, Arc<Journal>, Progress)> {
    let (journal, progress) = Journal::open(operation).await.ok()?;
    let plan = journal.plan().await.ok()??;
    Some((plan, Arc::new(journal), progress))
}

fn log(operation: &Operation) -> OperationLog {
    let name = format!("{}/{}", operation.deps.namespace(), operation.name());
    OperationLog::new(Arc::clone(&operation.deps.clock), "backup", name)
}

/// Makes the backup, and gives the Backup as it was committed.
async fn attempt(
    Report { operation, log }: &Report<'_>,
    planner: &Planner,
    (journal, steps): (&Arc<Journal>, Steps),
) -> Result<serde_json::Value> {
    let spool = Arc::new(Spool::create(&operation.scratch, &operation.uid)?);
    let plan = match journal.plan::<BackupPlan>().await? {
        Some(plan) => {
            log.info("going on with a backup that another server planned");
            unspool(journal, &spool, &plan).await?;
            plan
        }
        None => {
            journal.begin(&operation.journal_owner().await?).await?;
            let collected = collect::collect(operation, Some(journal), &spool, planner).await?;
            let plan = planner.plan(collected).map_err(|problem| Error::Refused(Box::new(problem)))?;
            journal.save_plan(&plan).await?;
            journal.drop_earlier_spool().await?;
            plan
        }
    };
    log.lines(plan.log(operation.deps.now()));
    let hooks = hooks::run(operation, (journal, steps), &plan, log).await?;
    upload(operation, (&Arc::new(plan), &spool, &hooks), log).await
}

/// Brings back what the plan was made over.
async fn unspool(journal: &Journal, spool: &Spool, plan: &BackupPlan) -> Result<()> {
    for item in &plan.items {
        if !spool.has(item.at.file) {
            spool.unseal(item.at.file, &journal.kept(item.at.file).await?)?;
        }
    }
    Ok(())
}

/// Uploads everything, the marker last.
async fn upload(
    operation: &Operation,
    (plan, spool, hooks): (&Arc<BackupPlan>, &Arc<Spool>, &Steps),
    log: &OperationLog,
) -> Result<serde_json::Value> {
    let store = operation.store.as_ref();
    let claimed = backup_files::claim(store, operation.name(), &operation.uid).await;
    claimed.map_err(report::commit_error)?;
    let mut commit = Commit::begin(store, operation.name()).await.map_err(report::commit_error)?;
    let packed = Arc::new(Packed::default());
    let uploaded = pack(operation, &mut commit, (plan, spool, &packed)).await;
    packed.refused().map_or(uploaded, |error| Err(too_large(&error)))?;
    Report { operation, log }.commit(commit, plan, (&packed, hooks)).await
}

/// An archive that no restore would read is no backup.
fn too_large(error: &archive::Error) -> Error {
    let message = format!("a restore would refuse the archive: {error}");
    Error::Refused(Box::new(Problem::new(&problems::ARCHIVE_TOO_LARGE, Severity::Error, message)))
}

/// Uploads the archive, and says meanwhile how far it is.
async fn pack(
    operation: &Operation,
    commit: &mut Commit<'_>,
    (plan, spool, packed): (&Arc<BackupPlan>, &Arc<Spool>, &Arc<Packed>),
) -> Result<()> {
    let mut ticks = interval(REPORT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let uploading = commit.stream(BackupFile::Contents, contents::stream(plan, spool, packed));
    tokio::pin!(uploading);
    loop {
        tokio::select! {
            uploaded = &mut uploading => return uploaded.map_err(report::commit_error),
            _ = ticks.tick() => {
                let progress = json!({ "totalItems": plan.items.len(), "itemsBackedUp": packed.done() });
                still_wanted(operation.patch_status(json!({ "progress": progress })).await)?;
            }
        }
    }
}
