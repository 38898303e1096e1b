//! Executes a plan: stage by stage, and inside a stage as many objects at once as the server takes. Each finished
//! step is recorded, in batches; a step that has a record is not done again.

use std::sync::Arc;
use std::time::Duration;

use cluster::clock::instant;
use engine::journal::{Action, Outcome, Progress, Record};
use engine::restore::RestorePlan;
use engine::restore::plan::{PlannedItem, Stage};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::json;
use tokio::time::Instant;

use super::hooks::Hooks;
use super::pace::Pace;
use super::{gate, item, namespace};
use crate::error::Result;
use crate::operation::journal::Journal;
use crate::operation::spool::Spool;
use crate::operation::{Operation, still_wanted};

/// Finished steps that may be in memory only. Those that a crash takes are found again by the operation's UID.
const RECORDS_MAX: usize = 200;
/// How often the status says how far we are.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A plan at work.
pub(super) struct Execution<'a> {
    pub(super) operation: &'a Operation,
    pub(super) plan: &'a RestorePlan,
    pub(super) spool: Arc<Spool>,
    pub(super) pace: Arc<Pace>,
    journal: Arc<Journal>,
    hooks: Hooks,
    progress: Progress,
    pending: Vec<Record>,
    reported: Instant,
}

impl<'a> Execution<'a> {
    /// A plan of which `progress` is done.
    pub(super) fn new(
        operation: &'a Operation,
        plan: &'a RestorePlan,
        spool: Arc<Spool>,
        (journal, progress): (Arc<Journal>, Progress),
        hooks: Hooks,
    ) -> Self {
        Self {
            operation,
            plan,
            spool,
            pace: Arc::default(),
            journal,
            hooks,
            progress,
            pending: Vec::new(),
            reported: instant(),
        }
    }

    /// Does what is left of the plan, and says what became of all of it. Hooks run meanwhile; it ends when they have.
    pub(super) async fn run(mut self) -> Result<Progress> {
        for (number, outcome) in &self.progress.items {
            self.hooks.settled(*number, outcome);
        }
        let outcome = self.stages().await;
        let hooks = self.hooks.finish(outcome.is_ok()).await;
        outcome?;
        hooks?.into_iter().for_each(|record| self.progress.add(record));
        Ok(self.progress)
    }

    async fn stages(&mut self) -> Result<()> {
        let numbers = numbers(self.plan);
        for (number, stage) in (0u32..).zip(&self.plan.stages) {
            if !self.progress.stages.contains(&number) {
                self.stage(stage, numbers[number as usize]).await?;
                self.record(Record::Stage { number }).await?;
                self.flush().await?;
            }
        }
        self.report().await
    }

    async fn stage(&mut self, stage: &Stage, first: u32) -> Result<()> {
        tracing::info!(stage = %stage.name, objects = stage.items.len(), "restoring");
        for planned in &stage.namespaces {
            if !self.progress.knows_namespace(&planned.name) {
                let record = namespace::ensure(self, planned).await?;
                self.record(record).await?;
            }
        }
        self.items((first..).zip(&stage.items)).await?;
        self.flush().await?;
        gate::wait(self, stage, first, &self.progress.items).await
    }

    async fn items(&mut self, items: impl Iterator<Item = (u32, &PlannedItem)>) -> Result<()> {
        let done = |number: &u32, progress: &Progress| progress.items.contains_key(number);
        let left: Vec<_> = items.filter(|(number, _)| !done(number, &self.progress)).collect();
        let (lost, mut left): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|(_, planned)| self.progress.is_lost(planned, self.plan));
        for (number, _) in lost {
            self.record(Record::Item { number, outcome: Outcome::of(Action::Failed) }).await?;
        }
        left.reverse();
        let (work, spool, pace) =
            ((self.operation, self.plan), Arc::clone(&self.spool), Arc::clone(&self.pace));
        let mut flying = FuturesUnordered::new();
        loop {
            while flying.len() < pace.width() {
                let Some((number, planned)) = left.pop() else { break };
                let next = (number, planned);
                flying.push(item::settle(work, &spool, &pace, next));
            }
            let Some(settled) = flying.next().await else { return Ok(()) };
            let (number, outcome) = settled?;
            self.hooks.settled(number, &outcome);
            self.record(Record::Item { number, outcome }).await?;
            if self.reported.elapsed() >= REPORT_EVERY {
                self.flush().await?;
                self.report().await?;
            }
        }
    }

    async fn record(&mut self, record: Record) -> Result<()> {
        self.progress.add(record.clone());
        self.pending.push(record);
        if self.pending.len() >= RECORDS_MAX { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<()> {
        self.journal.append(&std::mem::take(&mut self.pending)).await
    }

    async fn report(&mut self) -> Result<()> {
        self.reported = instant();
        let restored = self.progress.namespaces.len() + self.progress.items.len();
        let progress = json!({ "totalItems": self.plan.total(), "itemsRestored": restored });
        still_wanted(self.operation.patch_status(json!({ "progress": progress })).await)
    }
}

/// The number of the first item of each stage: items are numbered through the plan.
fn numbers(plan: &RestorePlan) -> Vec<u32> {
    let mut first = 0;
    let mut numbers = Vec::with_capacity(plan.stages.len());
    for stage in &plan.stages {
        numbers.push(first);
        first += u32::try_from(stage.items.len()).unwrap_or(u32::MAX);
    }
    numbers
}
