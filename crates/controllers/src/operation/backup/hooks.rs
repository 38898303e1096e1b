//! Runs the hooks of a backup, block by block, in the order of its plan.

use std::sync::Arc;

use engine::backup::BackupPlan;
use engine::hooks::Steps;
use engine::hooks::backup::{BackupHook, Next, ended, is_owed, next};

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
    let mut hooks = Hooks::new(operation, (journal, steps), plan, log, false);
    hooks.recall();
    for number in hooks.numbers() {
        // The pods of a block are at rest when its pre hooks have run: between those and its post hooks is the place
        // for the data of its volumes.
        hooks.settle(number).await?;
    }
    Ok(hooks.steps)
}

/// Releases what may be at rest in a backup that is given up. What does not go well is told by its outcome.
pub(super) async fn release(
    operation: &Operation,
    (journal, steps): (&Arc<Journal>, Steps),
    plan: &BackupPlan,
    log: &OperationLog,
) -> Steps {
    let mut hooks = Hooks::new(operation, (journal, steps), plan, log, true);
    hooks.recall();
    for number in hooks.numbers() {
        if is_owed(&plan.hooks, number, &hooks.steps)
            && let Err(error) = hooks.settle(number).await
        {
            tracing::warn!(backup = operation.name(), "failed to {error}; a pod may stay at rest");
            log.info(format!("failed to {error}"));
        }
    }
    hooks.steps
}

/// The hooks of a plan at work.
struct Hooks<'a> {
    all: &'a [BackupHook],
    runner: Runner,
    steps: Steps,
}

impl<'a> Hooks<'a> {
    fn new(
        operation: &Operation,
        (journal, steps): (&Arc<Journal>, Steps),
        plan: &'a BackupPlan,
        log: &OperationLog,
        is_last: bool,
    ) -> Self {
        let (deps, journal, log) = (Arc::clone(&operation.deps), Arc::clone(journal), log.clone());
        Self { all: &plan.hooks, runner: Runner { deps, journal, log, is_last }, steps }
    }

    fn recall(&self) {
        self.runner.recall(|number| Some(&self.all.get(number as usize)?.exec), &self.steps);
    }

    fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        (0u32..).take(self.all.len())
    }

    /// Brings a hook to where it needs nothing more.
    async fn settle(&mut self, number: u32) -> Result<()> {
        let Some(hook) = self.all.get(number as usize) else { return Ok(()) };
        let (outcome, run) = match next(self.all, number, &self.steps) {
            Next::Nothing => return Ok(()),
            Next::Settle(outcome) => (outcome, None),
            Next::Run => {
                self.steps.begin(number);
                let run = self.runner.run(number, &hook.exec).await?;
                (ended(hook, self.steps.begun(number), &run), Some(run))
            }
        };
        self.runner.settle((number, &hook.exec), &outcome, run.as_ref()).await?;
        self.steps.end(number, outcome);
        Ok(())
    }
}
