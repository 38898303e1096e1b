//! A restore: its archive is read once, its plan is made once, and then executed to its end, however often the
//! server dies on the way.

mod dry_run;
mod execute;
mod gate;
mod hooks;
mod item;
mod namespace;
mod observe;
mod owners;
mod pace;
mod records;
mod report;
mod work;

use std::sync::Arc;

use engine::backup::check::is_fatal;
use engine::facts::Facts;
use engine::journal::Progress;
use engine::preview::problems::PLAN_MOVED;
use engine::problem::{Problem, Severity};
use engine::restore::{self, Refusal, Request, RestorePlan, hooked, problems, versions};
use store::backup_files::{Mismatch, listed_digest};
use store::bucket::BackupFile;

pub use self::dry_run::dry_run;
use self::execute::Execution;
use self::hooks::Hooks;
use self::report::Report;
use super::Operation;
use super::fetch::{self, Contents};
use super::journal::Journal;
use super::log::OperationLog;
use super::spool::Spool;
use crate::error::{Error, Result};
use crate::{adjust, choice};

/// Runs a restore to its end, from wherever it is. A failure to go on is an error: then it is tried again.
pub async fn run(operation: &Operation, request: &Request) -> Result<()> {
    let log = log(operation);
    let report = Report { operation, log: &log };
    match attempt(operation, request, &log).await {
        Ok((journal, plan, progress)) => {
            report.finish(&plan, &progress).await?;
            journal.remove().await
        }
        Err(Error::Invalid(problem)) => report.refuse(&problem).await,
        Err(Error::Refused(problem)) if problem.code == PLAN_MOVED.id => {
            dry_run::refuse(operation, &problem).await
        }
        Err(Error::Refused(problem)) => give_up(&report, &problem).await,
        Err(error) => Err(error),
    }
}

/// Ends a restore that has begun and may not go on, with what it did until then in its report.
pub async fn fail(operation: &Operation, problem: &Problem) -> Result<()> {
    give_up(&Report { operation, log: &log(operation) }, problem).await
}

async fn give_up(report: &Report<'_>, problem: &Problem) -> Result<()> {
    let done = done(report.operation).await;
    let (plan, progress) = done.as_ref().map(|(plan, progress, _)| (plan, progress)).unzip();
    report.fail(plan.zip(progress), problem).await?;
    match done {
        Some((_, _, journal)) => journal.remove().await,
        None => Ok(()),
    }
}

/// What was planned and done, where that can still be read.
async fn done(operation: &Operation) -> Option<(RestorePlan, Progress, Journal)> {
    let (journal, progress) = Journal::open(operation).await.ok()?;
    let plan = journal.plan().await.ok()??;
    Some((plan, progress, journal))
}

fn log(operation: &Operation) -> OperationLog {
    let name = format!("{}/{}", operation.deps.namespace(), operation.name());
    OperationLog::new(Arc::clone(&operation.deps.clock), "restore", name)
}

type Attempt = (Arc<Journal>, RestorePlan, Progress);

async fn attempt(operation: &Operation, request: &Request, log: &OperationLog) -> Result<Attempt> {
    let spool = Arc::new(Spool::create(&operation.scratch, &operation.uid)?);
    let (journal, progress) = Journal::open(operation).await?;
    let contents = contents(operation, request, &spool).await?;
    log.info(format!("read {} objects from the backup {}", contents.facts.len(), request.backup));
    let plan = match journal.plan::<RestorePlan>().await? {
        Some(plan) => {
            log.info(format!("going on with a restore of which {} objects are done", progress.items.len()));
            plan
        }
        None => {
            let archive = contents.sha256.clone();
            let plan = make_plan(operation, request, contents, &spool).await?;
            dry_run::confirm(operation, request, &plan, (&archive, &spool)).await?;
            journal.begin(&operation.journal_owner().await?).await?;
            journal.save_plan(&plan).await?;
            plan
        }
    };
    if let Some(policy) = request.resource_policy() {
        log.info(format!("objects are selected by the filters of the resource policy {policy}"));
    }
    if let Some(modifiers) = &plan.adjustments.modifiers {
        let (count, source) = (modifiers.rules(), &modifiers.source);
        log.info(format!("objects are changed by the resource modifier {source}, rules: {count}"));
    }
    let journal = Arc::new(journal);
    let hooks = Hooks::new(operation, (&journal, &progress.hooks), &plan, log);
    let execution = Execution::new(operation, &plan, spool, (Arc::clone(&journal), progress), hooks);
    let progress = execution.run().await?;
    Ok((journal, plan, progress))
}

/// Reads the archive, and makes sure that it is the one that was written.
async fn contents(operation: &Operation, request: &Request, spool: &Arc<Spool>) -> Result<Contents> {
    let backup = &request.backup;
    let key = BackupFile::Contents.key(backup);
    let contents = match fetch::contents(&operation.store, &key, spool).await {
        Err(Error::Archive(reason)) => {
            let message = format!("the archive of backup {backup} could not be read: {reason}");
            return Err(refused(&problems::ARCHIVE_UNREADABLE, message));
        }
        contents => contents?,
    };
    let listed = listed_digest(operation.store.as_ref(), backup, BackupFile::Contents).await?;
    let wrong = match listed {
        Ok(Some(digest)) if digest != contents.sha256 => Mismatch::Digest,
        Ok(_) => return Ok(contents),
        Err(mismatch) => mismatch,
    };
    let message = format!("the archive of backup {backup} is not the one that was committed: {wrong}");
    Err(refused(&problems::ARCHIVE_CHANGED, message))
}

async fn make_plan(
    operation: &Operation,
    request: &Request,
    contents: Contents,
    spool: &Spool,
) -> Result<RestorePlan> {
    let target = observe::target(operation).await?;
    let catalog = observe::catalog(operation, &contents.facts).await?;
    let volumes = observe::volumes(operation, &request.backup).await?;
    let request = &choice::complete(&operation.deps, request).await?;
    let (preferences, not_understood) = choice::versions(&operation.deps).await?;
    let facts = versions::pick(contents.facts, contents.others, &catalog, preferences.as_ref());
    let mut plan =
        restore::plan(request, &catalog, &facts, &volumes, &target).map_err(|refusal| match refusal {
            Refusal::Clash(problem) => Error::Invalid(problem),
            Refusal::Selector(error) => refused(&problems::BAD_ITEM, error.to_string()),
        })?;
    adjust::complete(&operation.deps, request, &mut plan).await?;
    add_hooks(&mut plan, request, &facts, spool)?;
    plan.problems.extend(not_understood.into_iter().chain(contents.problems));
    let notes = restore::check(&plan);
    if is_fatal(&notes) {
        let notes: Vec<_> = notes.iter().map(ToString::to_string).collect();
        return Err(refused(&problems::BAD_PLAN, notes.join("; ")));
    }
    Ok(plan)
}

/// Plans hooks by what the pods are like that are created.
fn add_hooks(plan: &mut RestorePlan, request: &Request, facts: &[Facts], spool: &Spool) -> Result<()> {
    let mut modified = Vec::new();
    for item in plan.items().filter(|item| hooked::is_modified(item, plan)) {
        // One that cannot be read is an error of its own when its turn comes.
        let document = serde_json::from_slice(&spool.read(item.at)?).ok();
        modified.extend(document.and_then(|document| hooked::modified(document, item, plan)));
    }
    hooked::add_hooks(plan, request, facts, &modified);
    Ok(())
}

fn refused(code: &engine::problem::Code, message: String) -> Error {
    Error::Refused(Box::new(Problem::new(code, Severity::Error, message)))
}
