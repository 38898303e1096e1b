//! How hooks end, what a journal says of them, and what the log does.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Exec, Source, Unfit, problems};
use crate::log::{Level, Line};
use crate::problem::{Problem, Severity};

/// Bytes of each output that a journal keeps, for the log of a server that goes on with the operation.
const KEPT_BYTES: usize = 1024;
/// Characters of an output that a problem quotes.
const QUOTED_MAX: usize = 200;

/// How a command ended, as an executor saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With this code.
    Exited(i32),
    /// It had not ended when its time was over. It may run on: nothing can stop it from outside.
    TimedOut,
    /// It was not run, for this reason.
    Refused(String),
}

/// A command that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub ended: Ended,
    /// How long it took.
    pub took: Duration,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
    /// Whether it wrote more than that.
    pub truncated: bool,
}

/// What became of a hook, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// The command said that all is well.
    Succeeded,
    /// It did not, or could not be run.
    Failed,
    /// The server died while it ran: nobody knows how it ended.
    CutOff,
    /// It was not run, because one before it failed.
    NotRun,
    /// There was no need for it.
    NotNeeded,
}

/// What became of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// In one word.
    pub end: End,
    /// What is wrong with that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// What the log says of a command that was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
}

/// What the log says of a command that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Its exit code, where it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// The beginning of its standard output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stdout: String,
    /// The beginning of its standard error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
    /// Whether it wrote more than that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl Outcome {
    /// One that needs no more words.
    pub(super) fn of(end: End) -> Self {
        Self { end, problems: Vec::new(), said: None }
    }

    /// That of a hook which cannot run. What is wrong with it, the plan says.
    pub(super) fn unfit(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Ended => Self::of(End::NotNeeded),
            Unfit::NoContainer | Unfit::NoCommand => Self::of(End::Failed),
        }
    }

    /// That of a hook which failed, or was cut off.
    pub(super) fn failed(end: End, exec: &Exec, how: &str) -> Self {
        let codes = problems::of(exec.kind);
        let code = if end == End::CutOff { &codes.cut_off } else { &codes.failed };
        let problem = Problem::new(code, Severity::Error, format!("{} {how}", exec.words()));
        Self { problems: vec![problem.about(&exec.key())], ..Self::of(end) }
    }

    /// That of a command which was run.
    pub fn ran(exec: &Exec, run: &Run) -> Self {
        let outcome = match &run.ended {
            Ended::Exited(0) => Self::of(End::Succeeded),
            Ended::Exited(code) => {
                Self::failed(End::Failed, exec, &format!("ended with exit code {code}{}", quoted(run)))
            }
            Ended::TimedOut => {
                let how = format!("did not end within {}, and may run on", exec.timeout);
                Self::failed(End::Failed, exec, &how)
            }
            Ended::Refused(reason) => Self::failed(End::Failed, exec, &format!("could not be run: {reason}")),
        };
        Self { said: Some(Said::of(run, KEPT_BYTES)), ..outcome }
    }

    /// Whether the hooks of the pod that come after it are not run.
    pub(super) fn stops(&self, exec: &Exec) -> bool {
        let fails = exec.on_error == super::OnError::Fail;
        match self.end {
            End::NotRun => true,
            // Nobody knows whether the pod is at rest; of a restore it is as if it had failed.
            End::CutOff => fails || exec.kind != super::Kind::Restored,
            End::Failed => fails,
            End::Succeeded | End::NotNeeded => false,
        }
    }
}

/// What a command said of its failure: the last line that it wrote.
fn quoted(run: &Run) -> String {
    let written = if run.stderr.trim_ascii().is_empty() { &run.stdout } else { &run.stderr };
    let text = String::from_utf8_lossy(written);
    let last = text.trim().lines().next_back().unwrap_or_default();
    let last: String = last.trim().chars().take(QUOTED_MAX).collect();
    if last.is_empty() { last } else { format!(": {last}") }
}

impl Said {
    fn of(run: &Run, max: usize) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(max)]).into_owned();
        Self {
            exit_code: match run.ended {
                Ended::Exited(code) => Some(code),
                Ended::TimedOut | Ended::Refused(_) => None,
            },
            millis: u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX),
            stdout: text(&run.stdout),
            stderr: text(&run.stderr),
            truncated: run.truncated || run.stdout.len().max(run.stderr.len()) > max,
        }
    }

    /// All that was written, for the log of the server that ran the command.
    pub fn whole(run: &Run) -> Self {
        Self::of(run, usize::MAX)
    }

    fn add_to(&self, mut line: Line) -> Line {
        if let Some(code) = self.exit_code {
            line = line.with("exitCode", code.to_string());
        }
        if self.truncated {
            line = line.with("truncated", "true");
        }
        let seconds = format!("{}.{:03}", self.millis / 1000, self.millis % 1000);
        line.with("seconds", seconds).with("stdout", &self.stdout).with("stderr", &self.stderr)
    }
}

/// What the log says of a hook that has ended: a line, with what went wrong where it failed, and one for each other problem.
/// The command is not in it: it may hold a password.
pub fn lines(exec: &Exec, outcome: &Outcome, said: Option<&Said>, now: Timestamp) -> Vec<Line> {
    let (first, rest) = match (outcome.end, outcome.problems.split_first()) {
        (End::Failed | End::CutOff, Some((first, rest))) => (failure(first, now), rest),
        _ => (ended(exec, outcome.end, now), outcome.problems.as_slice()),
    };
    let mut line = first
        .with("namespace", &exec.namespace)
        .with("pod", &exec.pod)
        .with("container", &exec.container)
        .with("hookSource", if exec.source == Source::Annotation { "annotation" } else { "spec" });
    if let Source::Spec(name) = &exec.source
        && !name.is_empty()
    {
        line = line.with("hookName", name);
    }
    if let Some(said) = said.or(outcome.said.as_ref()) {
        line = said.add_to(line);
    }
    std::iter::once(line).chain(rest.iter().map(|problem| Line::of(problem, now))).collect()
}

/// The beginning of the line of a hook that failed. Which pod that was, the rest of the line says.
fn failure(problem: &Problem, now: Timestamp) -> Line {
    Line::new(now, problem.severity.into(), &problem.message)
        .with("code", &problem.code)
        .with("remedy", &problem.remedy)
}

/// The beginning of the line of a hook of which there is no more to say, or of which the plan has said it.
fn ended(exec: &Exec, end: End, now: Timestamp) -> Line {
    let (level, how) = match end {
        End::Succeeded => (Level::Info, "succeeded"),
        End::Failed => (Level::Warning, "failed"),
        End::CutOff => (Level::Warning, "was cut off, and does not run again"),
        End::NotRun => (Level::Warning, "was not run, because one before it failed"),
        End::NotNeeded => (Level::Info, "was not needed"),
    };
    Line::new(now, level, format!("{} {how}", exec.kind.words()))
}

/// What a journal says of the hooks of a plan, by number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Steps(BTreeMap<u32, Step>);

#[derive(Debug, Clone, Default, PartialEq)]
struct Step {
    begun: u32,
    outcome: Option<Outcome>,
}

/// How many hooks there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// That something became of; those that were not needed do not count.
    pub attempted: usize,
    /// That failed, were cut off, or were not run because one before them failed.
    pub failed: usize,
}

impl Steps {
    /// A hook begins.
    pub fn begin(&mut self, number: u32) {
        self.0.entry(number).or_default().begun += 1;
    }

    /// A hook has ended; the first record of that counts.
    pub fn end(&mut self, number: u32, outcome: Outcome) {
        self.0.entry(number).or_default().outcome.get_or_insert(outcome);
    }

    /// How often a hook has begun.
    pub fn begun(&self, number: u32) -> u32 {
        self.0.get(&number).map_or(0, |step| step.begun)
    }

    /// What became of a hook.
    pub fn outcome(&self, number: u32) -> Option<&Outcome> {
        self.0.get(&number)?.outcome.as_ref()
    }

    /// What became of each, in order.
    pub fn outcomes(&self) -> impl Iterator<Item = (u32, &Outcome)> {
        self.0.iter().filter_map(|(number, step)| Some((*number, step.outcome.as_ref()?)))
    }

    /// What is wrong with them, in order.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.outcomes().flat_map(|(_, outcome)| &outcome.problems)
    }

    /// Only those of these numbers.
    #[must_use]
    pub fn only(&self, numbers: Range<u32>) -> Self {
        Self(self.0.range(numbers).map(|(number, step)| (*number, step.clone())).collect())
    }

    /// Adds what became of others, or what more became of these.
    pub fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// How many there were.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, outcome) in self.outcomes() {
            counts.attempted += usize::from(outcome.end != End::NotNeeded);
            let failed = matches!(outcome.end, End::Failed | End::CutOff | End::NotRun);
            counts.failed += usize::from(failed);
        }
        counts
    }
}

/// What is wrong with a hook that was planned: it cannot run, or a setting of it means nothing.
pub(super) fn planned(exec: &Exec, unread: &[String], containers: &[String]) -> Vec<Problem> {
    let codes = problems::of(exec.kind);
    let cannot = match exec.unfit {
        Some(Unfit::NoContainer) => {
            Some(format!("cannot run: the pod has no such container; it has: {}", containers.join(", ")))
        }
        Some(Unfit::NoCommand) => Some("cannot run: its command is empty".to_owned()),
        Some(Unfit::Ended) | None => None,
    };
    let cannot = cannot.map(|how| (&codes.cannot_run, Severity::Error, format!("{} {how}", exec.words())));
    let unread = unread.iter().map(|annotation| {
        let message = format!("the annotation {annotation} means nothing: the default is taken");
        (&codes.unread, Severity::Warning, message)
    });
    let all = unread.chain(cannot);
    all.map(|(code, severity, message)| Problem::new(code, severity, message).about(&exec.key())).collect()
}

/// The warning that a post hook may have run twice.
pub(super) fn again(exec: &Exec) -> Problem {
    let message = format!(
        "{} was begun again after the server had died while it ran, so that the pod is released in any case",
        exec.words()
    );
    Problem::new(&problems::POST_HOOK_AGAIN, Severity::Warning, message).about(&exec.key())
}
