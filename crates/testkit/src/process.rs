//! Processes that outlive the command that started them.
//!
//! A process is recorded by its id and its start time: an id alone may have been given to somebody else since.

use std::fs::{self, File};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;

use crate::command::last_lines;
use crate::control_plane::READY;
use crate::layout::Layout;
use crate::wait::{Look, until};

/// How many lines of a log an error shows.
const SHOWN_LINES: usize = 20;

/// A process that may be running.
#[derive(Debug, Clone)]
pub struct Process {
    /// What it is called here.
    pub name: String,
    /// Where it logs.
    pub log: PathBuf,
    pid: i32,
    started: u64,
}

/// A command that runs in the network namespace of a cluster, in a session of its own.
pub(crate) fn entered(layout: &Layout, program: &Path) -> Command {
    // Not `ip netns exec`: it mounts another /sys, in which the kubelet does not find the control groups.
    let mut command = Command::new("setsid");
    command.arg("nsenter").arg(format!("--net={}", layout.netns_path().display())).arg(program);
    command
}

/// A command that runs in the host's network, in a session of its own.
pub(crate) fn detached(program: &Path) -> Command {
    let mut command = Command::new("setsid");
    command.arg(program);
    command
}

/// Starts a command as a process of the cluster.
pub(crate) fn start(layout: &Layout, name: &str, command: &mut Command) -> Result<Process> {
    let log = layout.log(name);
    let out = File::create(&log).with_context(|| format!("failed to open {}", log.display()))?;
    let errors = out.try_clone().context("failed to share the log")?;
    command.current_dir(layout.run()).stdin(Stdio::null()).stdout(out).stderr(errors);
    let mut child = command.spawn().with_context(|| format!("failed to start {name}"))?;
    let pid = i32::try_from(child.id()).context("failed to hold the process id")?;
    let started = start_time(pid).unwrap_or_default();
    fs::write(layout.pid_file(name), format!("{pid} {started}")).context("failed to record the process")?;
    // Nobody waits for it, but a dead child of ours must not remain as a zombie.
    std::thread::spawn(move || child.wait());
    Ok(Process { name: name.to_owned(), log, pid, started })
}

impl Process {
    /// The process that was recorded under that name.
    pub fn recorded(layout: &Layout, name: &str) -> Option<Self> {
        let text = fs::read_to_string(layout.pid_file(name)).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        let (pid, started) = (pid.parse().ok()?, started.parse().ok()?);
        Some(Self { name: name.to_owned(), log: layout.log(name), pid, started })
    }

    /// Every process that was recorded for the cluster.
    pub fn all(layout: &Layout) -> Vec<Self> {
        let entries = fs::read_dir(layout.run().join("pid")).into_iter().flatten().flatten();
        entries.filter_map(|entry| Self::recorded(layout, &entry.file_name().to_string_lossy())).collect()
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it runs: this very process, and not a later one of the same id.
    pub fn alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// Kills it, if it still is the one that was started.
    pub fn kill(&self) {
        if self.alive() {
            kill(self.pid);
        }
    }

    /// Asks it to end, if it still is the one that was started.
    pub fn terminate(&self) {
        if let (true, Some(pid)) = (self.alive(), Pid::from_raw(self.pid)) {
            let _gone_already = kill_process(pid, Signal::TERM);
        }
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&text), SHOWN_LINES)
    }

    /// Waits until it is ready; tells the end of its log when it dies or the deadline passes.
    pub async fn ready<F>(&self, deadline: Duration, mut look: impl FnMut() -> F) -> Result<()>
    where
        F: Future<Output = Result<(), String>>,
    {
        let what = format!("{} is not ready", self.name);
        let waited = until(&what, deadline, || {
            let found = look();
            async {
                match found.await {
                    Ok(()) => Ok(Look::Done(())),
                    Err(_) if !self.alive() => bail!("{} ended", self.name),
                    Err(why) => Ok(Look::NotYet(why)),
                }
            }
        });
        waited.await.with_context(|| format!("the end of {}:\n{}", self.log.display(), self.tail()))
    }

    /// Waits until it takes connections at an address.
    pub(crate) async fn listens(&self, address: &str) -> Result<()> {
        let connect =
            || async { TcpStream::connect(address).await.map(drop).map_err(|error| error.to_string()) };
        self.ready(READY, connect).await
    }
}

/// Kills a process that is known to be ours.
pub(crate) fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _gone_already = kill_process(pid, Signal::KILL);
    }
}

/// When a process started, in ticks since boot; nothing for one that has ended.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    parse_start_time(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name of a program may hold spaces and brackets: fields are counted from its end.
fn parse_start_time(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().collect();
    let ended = matches!(*fields.first()?, "Z" | "X");
    if ended { None } else { fields.get(19)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_the_22nd_field_whatever_the_name() {
        let rest = "1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 0 0";
        assert_eq!(parse_start_time(&format!("42 (a b) c) S {rest}")), Some(777));
        assert_eq!(parse_start_time(&format!("42 (a) Z {rest}")), None);
        assert_eq!(parse_start_time("nonsense"), None);
    }

    #[test]
    fn a_reused_id_is_not_the_recorded_process() {
        let me = i32::try_from(std::process::id()).unwrap();
        let started = start_time(me).unwrap();
        let process = |started| Process { name: "x".to_owned(), log: PathBuf::new(), pid: me, started };
        assert!(process(started).alive());
        assert!(!process(started + 1).alive());
        process(started + 1).kill();
    }
}
