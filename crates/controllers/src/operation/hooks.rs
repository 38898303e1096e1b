//! One hook of a backup or restore: that it begins is written down before it runs, and how it ended after that. What is
//! written down is what a server goes by that takes the operation over: `engine::hooks` says what follows.

use std::sync::Arc;

use cluster::ErrorKind;
use cluster::clock::{Deadline, instant};
use cluster::streams::{ExecEnd, ExecRequest, ExecResult, PodRef};
use engine::hooks::{Ended, Exec, Outcome, Run, Said, Steps, TIMEOUT, lines};
use engine::journal::Record;
use tokio::time::sleep;

use super::journal::Journal;
use super::log::OperationLog;
use super::patience::{PATIENCE, PAUSE, blamed};
use crate::deps::Deps;
use crate::error::Result;

/// Bytes that are kept of each of a command's outputs.
const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// Runs the hooks of one operation.
pub(super) struct Runner {
    pub(super) deps: Arc<Deps>,
    pub(super) journal: Arc<Journal>,
    pub(super) log: OperationLog,
    /// Whether nobody will read the journal any more: then what cannot be written down is done all the same.
    pub(super) is_last: bool,
}

impl Runner {
    /// Tells the log what became of hooks that ran before this server went on with the operation.
    pub(super) fn recall<'e>(&self, exec: impl Fn(u32) -> Option<&'e Exec>, steps: &Steps) {
        for (number, outcome) in steps.outcomes() {
            if let Some(exec) = exec(number) {
                self.tell(exec, outcome, None);
            }
        }
    }

    /// Writes down that a hook begins, and runs it. Fails if nothing can be said of it: then the operation is tried again,
    /// and the hook is one that was cut off.
    pub(super) async fn run(&self, number: u32, exec: &Exec) -> Result<Run> {
        self.record(Record::HookBegins { number }).await?;
        let began = instant();
        let ended = self.exec(exec).await?;
        let took = began.elapsed();
        Ok(match ended {
            Ok(ExecResult { end, stdout, stderr, truncated }) => {
                let ended = match end {
                    ExecEnd::Exited(code) => Ended::Exited(code),
                    ExecEnd::TimedOut => Ended::TimedOut,
                };
                Run { ended, took, stdout: stdout.into(), stderr: stderr.into(), truncated }
            }
            Err(error) => {
                let ended = Ended::Refused(error.message);
                Run { ended, took, stdout: Vec::new(), stderr: Vec::new(), truncated: false }
            }
        })
    }

    /// Writes down what became of a hook.
    pub(super) async fn settle(
        &self,
        (number, exec): (u32, &Exec),
        outcome: &Outcome,
        run: Option<&Run>,
    ) -> Result<()> {
        self.tell(exec, outcome, run);
        self.record(Record::Hook { number, outcome: Box::new(outcome.clone()) }).await
    }

    /// Runs a command; the inner error is about this command.
    async fn exec(&self, exec: &Exec) -> Result<cluster::Result<ExecResult>> {
        let pod = PodRef {
            namespace: exec.namespace.clone(),
            name: exec.pod.clone(),
            container: Some(exec.container.clone()),
        };
        let timeout = exec.timeout.to_std().or(TIMEOUT.to_std()).unwrap_or_default();
        let command = exec.command.clone();
        let request = ExecRequest { pod, command, timeout, output_max: OUTPUT_BYTES_MAX };
        let deadline = Deadline::after(PATIENCE);
        loop {
            match self.deps.cluster.exec(&request).await {
                // The only refusal that surely comes before the command, and passes.
                Err(error) if error.kind == ErrorKind::TooManyRequests && !deadline.has_passed() => {
                    sleep(error.retry_after.unwrap_or(PAUSE)).await;
                }
                Err(error) => return Ok(Err(blamed(self.deps.cluster.as_ref(), error).await?)),
                Ok(result) => return Ok(Ok(result)),
            }
        }
    }

    async fn record(&self, record: Record) -> Result<()> {
        match self.journal.append(&[record]).await {
            Err(error) if self.is_last => {
                tracing::warn!("failed to {error}; the operation ends with it");
                Ok(())
            }
            written => written,
        }
    }

    fn tell(&self, exec: &Exec, outcome: &Outcome, run: Option<&Run>) {
        let whole = run.map(Said::whole);
        self.log.hook(lines(exec, outcome, whole.as_ref(), self.deps.now()), &outcome.problems);
    }
}
