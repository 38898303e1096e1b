//! The log of one operation: lines in Velero's form, compressed as they come, kept for the bucket.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use engine::log::{Level, Line};
use engine::problem::Problem;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::deps::Clock;

/// The log of one operation.
#[derive(Clone)]
pub(super) struct OperationLog {
    clock: Arc<dyn Clock>,
    /// What the log is of, as a field of every line: `backup` or `restore`.
    kind: &'static str,
    name: String,
    lines: Arc<Mutex<GzEncoder<Vec<u8>>>>,
    /// What was said of hooks when they ended, by code and message: that is not said again at the end.
    told: Arc<Mutex<HashSet<(String, String)>>>,
}

impl OperationLog {
    /// The log of the `kind` (`backup` or `restore`) that `name` (with its namespace) is.
    pub(super) fn new(clock: Arc<dyn Clock>, kind: &'static str, name: String) -> Self {
        let lines = Arc::new(Mutex::new(GzEncoder::new(Vec::new(), Compression::default())));
        Self { clock, kind, name, lines, told: Arc::default() }
    }

    /// Says what was done.
    pub(super) fn info(&self, message: impl Into<String>) {
        self.line(Line::new(self.clock.now(), Level::Info, message));
    }

    /// Says what went wrong, unless the line of a hook has said it.
    pub(super) fn problem(&self, problem: &Problem) {
        if !self.told().contains(&sign(problem)) {
            self.line(Line::of(problem, self.clock.now()));
        }
    }

    /// Says what became of a hook, and what went wrong with it.
    pub(super) fn hook(&self, lines: Vec<Line>, problems: &[Problem]) {
        lines.into_iter().for_each(|line| self.line(line));
        self.told().extend(problems.iter().map(sign));
    }

    /// Says what a line says.
    pub(super) fn line(&self, line: Line) {
        self.append(&line.with(self.kind, &self.name));
    }

    /// Adds lines that say themselves what they are of.
    pub(super) fn lines(&self, lines: impl IntoIterator<Item = Line>) {
        lines.into_iter().for_each(|line| self.append(&line));
    }

    /// The log so far, compressed.
    pub(super) fn packed(&self) -> io::Result<Bytes> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = std::mem::replace(&mut *lines, GzEncoder::new(Vec::new(), Compression::default()));
        whole.finish().map(Bytes::from)
    }

    fn told(&self) -> MutexGuard<'_, HashSet<(String, String)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, line: &Line) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to memory does not fail.
        let _written = writeln!(lines, "{line}");
    }
}

/// What tells a problem of a hook from others: its message names the pod and the container.
fn sign(problem: &Problem) -> (String, String) {
    (problem.code.clone(), problem.message.clone())
}
