//! Executes a plan: stage by stage, and inside a stage as many objects at once as the server takes. What was refused and may
//! still come right is tried again when all else is there, in rounds. Each finished step is recorded, in batches; a step
//! that has a record is not done again.

use std::sync::Arc;
use std::time::Duration;

use cluster::clock::instant;
use engine::journal::{Action, Outcome, Progress, Record};
use engine::restore::RestorePlan;
use engine::restore::plan::{PlannedItem, PlannedNamespace, Stage};
use engine::restore::refused::Hope;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::hooks::Hooks;
use super::owners::settled;
use super::pace::Pace;
use super::records::Records;
use super::work::{Later, Step, Work};
use super::{gate, item, namespace};
use crate::error::Result;
use crate::operation::Operation;
use crate::operation::journal::Journal;
use crate::operation::patience::PATIENCE;
use crate::operation::spool::Spool;

/// How often the status says how far we are.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Between two rounds of which the first moved nothing.
const ROUND_PAUSE: Duration = Duration::from_secs(1);
/// Rounds in a row that may move nothing: what admission looks up is in its caches a moment later.
const STILL_ROUNDS_MAX: usize = 2;

/// A plan at work.
pub(super) struct Execution<'a> {
    pub(super) work: Work<'a>,
    records: Records<'a>,
    hooks: Hooks,
    progress: Progress,
    reported: Instant,
    /// What was refused and is tried again.
    later: Vec<(u32, &'a PlannedItem)>,
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
        let work = Work {
            operation,
            plan,
            spool,
            pace: Arc::new(Pace::default()),
            owners: Arc::default(),
            leave_by: Arc::default(),
        };
        let records = Records::new(operation, journal);
        Self { work, records, hooks, progress, reported: instant(), later: Vec::new() }
    }

    /// Does what is left of the plan, and says what became of all of it. Hooks run meanwhile; it ends when they have.
    pub(super) async fn run(mut self) -> Result<Progress> {
        for (number, outcome) in &self.progress.items {
            self.hooks.settled(*number, outcome);
        }
        let outcome = self.items_and_owners().await;
        let hooks = self.hooks.finish(outcome.is_ok()).await;
        outcome?;
        hooks?.into_iter().for_each(|record| self.progress.add(record));
        Ok(self.progress)
    }

    async fn items_and_owners(&mut self) -> Result<()> {
        self.stages().await?;
        self.rounds().await?;
        self.give_owners().await?;
        self.records.flush().await?;
        self.records.report(self.status());
        self.records.flush().await
    }

    async fn stages(&mut self) -> Result<()> {
        let (plan, mut first) = (self.work.plan, 0);
        for (number, stage) in (0u32..).zip(&plan.stages) {
            let items: Vec<_> = (first..).zip(&stage.items).collect();
            first += u32::try_from(stage.items.len()).unwrap_or(u32::MAX);
            if self.progress.stages.contains(&number) {
                self.later.extend(self.left(items));
            } else {
                self.stage(stage, items).await?;
                self.record(Record::Stage { number }).await?;
                self.records.flush().await?;
            }
        }
        Ok(())
    }

    async fn stage(&mut self, stage: &'a Stage, items: Vec<(u32, &'a PlannedItem)>) -> Result<()> {
        tracing::info!(stage = %stage.name, objects = items.len(), "restoring");
        let unknown = |planned: &&PlannedNamespace| !self.progress.knows_namespace(&planned.name);
        let namespaces: Vec<_> = stage.namespaces.iter().filter(unknown).collect();
        let work = self.work.clone();
        let ensure = |_: &Progress, planned: &'a PlannedNamespace| namespace::ensure(work.clone(), planned);
        self.each(namespaces, ensure).await?;
        let refused = self.items(items.clone()).await?;
        self.later.extend(refused.iter().map(|later| (later.number, later.planned)));
        self.records.flush().await?;
        let missing = gate::wait(&self.work, stage.gate, &items, &self.progress).await?;
        self.record_all(missing).await
    }

    /// The items that have no record.
    fn left(&self, mut items: Vec<(u32, &'a PlannedItem)>) -> Vec<(u32, &'a PlannedItem)> {
        items.retain(|(number, _)| !self.progress.items.contains_key(number));
        items
    }

    /// Tries items, and gives those that were refused and may still come right.
    async fn items(&mut self, items: Vec<(u32, &'a PlannedItem)>) -> Result<Vec<Later<'a>>> {
        let (lost, left): (Vec<_>, Vec<_>) = self
            .left(items)
            .into_iter()
            .partition(|(_, planned)| self.progress.is_lost(planned, self.work.plan));
        for (number, _) in lost {
            self.record(Record::Item { number, outcome: Outcome::of(Action::Failed) }).await?;
        }
        let work = self.work.clone();
        let settle = |progress: &Progress, next: (u32, &'a PlannedItem)| {
            item::settle(work.clone(), next, settled(next.1, progress))
        };
        self.each(left, settle).await
    }

    /// Tries again what was refused, round after round, until nothing moves any more. What waits for something to start is
    /// given the time for that.
    async fn rounds(&mut self) -> Result<()> {
        let (mut moved, mut still) = (instant(), 0);
        while !self.later.is_empty() {
            let items = std::mem::take(&mut self.later);
            let before = items.len();
            let refused = self.items(items).await?;
            self.records.flush().await?;
            tracing::info!(tried = before, refused = refused.len(), "tried again what was refused");
            if refused.len() < before {
                (moved, still) = (instant(), 0);
            } else {
                still += 1;
                let starting = refused.iter().any(|later| later.hope == Hope::Time);
                let patient = starting && moved.elapsed() < PATIENCE;
                if still >= STILL_ROUNDS_MAX && !patient {
                    return self.give_up(refused).await;
                }
                sleep(ROUND_PAUSE).await;
            }
            self.later = refused.iter().map(|later| (later.number, later.planned)).collect();
        }
        Ok(())
    }

    /// Nothing moves any more: the last refusals stand.
    async fn give_up(&mut self, refused: Vec<Later<'a>>) -> Result<()> {
        for Later { number, outcome, .. } in refused {
            self.record(Record::Item { number, outcome }).await?;
        }
        self.records.flush().await
    }

    /// Gives objects that came before their owners those of them that are there now.
    async fn give_owners(&mut self) -> Result<()> {
        let unowned: Vec<u32> = self.progress.unowned().collect();
        if unowned.is_empty() {
            return Ok(());
        }
        let items: Vec<&'a PlannedItem> = self.work.plan.items().collect();
        let planned = |number: u32| Some((number, *items.get(usize::try_from(number).ok()?)?));
        let waiting: Vec<_> = unowned.into_iter().filter_map(planned).collect();
        let work = self.work.clone();
        let give = |progress: &Progress, next: (u32, &'a PlannedItem)| {
            let created = progress.uid(next.0).unwrap_or_default().to_owned();
            work.clone().give_owners(next, created, settled(next.1, progress))
        };
        self.each(waiting, give).await?;
        self.records.flush().await
    }

    /// Begins a step for each of `left`, as many at once as the server takes, and records what they come to; gives what is
    /// to be tried again later.
    async fn each<W, F>(
        &mut self,
        mut left: Vec<W>,
        begin: impl Fn(&Progress, W) -> F,
    ) -> Result<Vec<Later<'a>>>
    where
        F: Future<Output = Result<Step<'a>>>,
    {
        left.reverse();
        let pace = Arc::clone(&self.work.pace);
        let mut flying = FuturesUnordered::new();
        let mut later = Vec::new();
        loop {
            while flying.len() < pace.width() {
                let Some(next) = left.pop() else { break };
                flying.push(begin(&self.progress, next));
            }
            let step = tokio::select! {
                biased;
                written = self.records.written() => {
                    written?;
                    continue;
                }
                step = flying.next() => step,
            };
            let Some(step) = step else { return Ok(later) };
            match step? {
                Step::Done(records) => self.record_all(records).await?,
                Step::Later(refused) => later.push(refused),
            }
            if self.reported.elapsed() >= REPORT_EVERY && self.records.report(self.status()) {
                self.reported = instant();
            }
        }
    }

    async fn record_all(&mut self, records: Vec<Record>) -> Result<()> {
        for record in records {
            self.record(record).await?;
        }
        Ok(())
    }

    /// Takes in what became of something. A pod that nothing more becomes of is the turn of its hooks.
    async fn record(&mut self, record: Record) -> Result<()> {
        if let Record::Item { number, outcome } = &record {
            self.hooks.settled(*number, outcome);
        }
        self.progress.add(record.clone());
        self.records.add(record).await
    }

    fn status(&self) -> Value {
        let restored = self.progress.namespaces.len() + self.progress.items.len();
        json!({ "progress": { "totalItems": self.work.plan.total(), "itemsRestored": restored } })
    }
}
