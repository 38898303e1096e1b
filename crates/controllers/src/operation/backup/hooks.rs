//! Runs the hooks of a backup: those of one block in the order of its plan, those of different blocks side by side, as many
//! blocks at once as the server was told.

use std::ops::Range;
use std::sync::Arc;

use engine::backup::BackupPlan;
use engine::hooks::Steps;
use engine::hooks::backup::{BackupHook, Next, blocks, ended, is_owed, next};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::error::Result;
use crate::operation::Operation;
use crate::operation::hooks::Runner;
use crate::operation::journal::Journal;
use crate::operation::log::OperationLog;

/// Runs what is left of the hooks of `plan`, and says what became of all of them.
pub(super) async fn run(
    operation: &Operation,
    (journal, steps): (&Arc<Journal>, Steps),
    plan: &BackupPlan,
    log: &OperationLog,
) -> Result<Steps> {
    Hooks::new(operation, journal, plan, log, false).settle(steps).await
}

/// Releases what may be at rest in a backup that is given up. What does not go well is told by its outcome.
pub(super) async fn release(
    operation: &Operation,
    (journal, steps): (&Arc<Journal>, Steps),
    plan: &BackupPlan,
    log: &OperationLog,
) -> Steps {
    let known = steps.clone();
    Hooks::new(operation, journal, plan, log, true).settle(steps).await.unwrap_or(known)
}

/// The hooks of a plan at work.
struct Hooks<'a> {
    all: &'a [BackupHook],
    runner: Runner,
    /// Blocks that are worked on at once.
    width: usize,
}

impl<'a> Hooks<'a> {
    fn new(
        operation: &Operation,
        journal: &Arc<Journal>,
        plan: &'a BackupPlan,
        log: &OperationLog,
        is_last: bool,
    ) -> Self {
        let (deps, journal, log) = (Arc::clone(&operation.deps), Arc::clone(journal), log.clone());
        let width = deps.config.backup.item_block_workers.max(1);
        Self { all: &plan.hooks, runner: Runner { deps, journal, log, is_last }, width }
    }

    /// Brings all blocks to where they need nothing more. After a failure no block begins; those at work go on, since
    /// nobody would know what became of a command that is cut off.
    async fn settle(&self, mut steps: Steps) -> Result<Steps> {
        self.runner.recall(|number| Some(&self.all.get(number as usize)?.exec), &steps);
        let mut waiting = blocks(self.all).into_iter();
        let mut at_work = FuturesUnordered::new();
        let mut failed = None;
        loop {
            while failed.is_none() && at_work.len() < self.width {
                let Some(numbers) = waiting.next() else { break };
                at_work.push(self.block(numbers.clone(), steps.only(numbers)));
            }
            match at_work.next().await {
                Some(Ok(settled)) => steps.add(settled),
                Some(Err(error)) => failed = Some(error),
                None => return failed.map_or(Ok(steps), Err),
            }
        }
    }

    /// The hooks of one block, one after the other. The pods of a block are at rest when its pre hooks have run: between
    /// those and its post hooks is the place for the data of its volumes.
    async fn block(&self, numbers: Range<u32>, mut steps: Steps) -> Result<Steps> {
        for number in numbers {
            if !self.runner.is_last {
                self.hook(number, &mut steps).await?;
            } else if is_owed(self.all, number, &steps)
                && let Err(error) = self.hook(number, &mut steps).await
            {
                tracing::warn!("failed to {error}; a pod may stay at rest");
                self.runner.log.info(format!("failed to {error}"));
            }
        }
        Ok(steps)
    }

    /// Brings a hook to where it needs nothing more.
    async fn hook(&self, number: u32, steps: &mut Steps) -> Result<()> {
        let Some(hook) = self.all.get(number as usize) else { return Ok(()) };
        let (outcome, run) = match next(self.all, number, steps) {
            Next::Nothing => return Ok(()),
            Next::Settle(outcome) => (outcome, None),
            Next::Run => {
                steps.begin(number);
                let run = self.runner.run(number, &hook.exec).await?;
                (ended(hook, steps.begun(number), &run), Some(run))
            }
        };
        self.runner.settle((number, &hook.exec), &outcome, run.as_ref()).await?;
        steps.end(number, outcome);
        Ok(())
    }
}
