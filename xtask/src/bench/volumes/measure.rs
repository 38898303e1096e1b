//! What a command takes: its time, and the most memory that it had.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::bench::usage;

/// How often its memory is looked at: the kernel keeps the most so far.
const INTERVAL: Duration = Duration::from_millis(5);

/// What a command took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Took {
    pub(super) seconds: f64,
    /// In MiB.
    pub(super) memory: f64,
}

/// Runs a command that has to succeed: what it took, and what it printed.
pub(super) async fn measured(command: &mut Command) -> Result<(Took, String)> {
    let start = Instant::now();
    let name = format!("{:?}", command.as_std());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("failed to start {name}"))?;
    let process = child.id().context("failed to find the process")?;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut said, mut complained, mut memory) = (String::new(), String::new(), 0f64);
    let status = {
        let read = async {
            let read_out = async { out.as_mut()?.read_to_string(&mut said).await.ok() };
            let read_err = async { err.as_mut()?.read_to_string(&mut complained).await.ok() };
            tokio::join!(read_out, read_err)
        };
        let wait = async { tokio::join!(child.wait(), read).0 };
        tokio::pin!(wait);
        loop {
            tokio::select! {
                status = &mut wait => break status.with_context(|| format!("failed to wait for {name}"))?,
                () = tokio::time::sleep(INTERVAL) => memory = memory.max(usage::peak_of(process).unwrap_or_default()),
            }
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    ensure!(status.success(), "{name} ended with {status}: {complained}");
    Ok((Took { seconds, memory }, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_memory_and_words_are_taken() {
        let mut command = Command::new("sh");
        let (took, said) = measured(command.args(["-c", "sleep 0.05; echo said"])).await.unwrap();
        assert!(took.seconds >= 0.05 && took.memory > 0.1, "{took:?}");
        assert_eq!(said, "said\n");
        assert!(measured(Command::new("sh").args(["-c", "exit 3"])).await.is_err());
    }
}
