//! The log of one operation: lines in Velero's form, compressed as they come, kept for the bucket.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

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
}

impl OperationLog {
    /// The log of the `kind` (`backup` or `restore`) that `name` (with its namespace) is.
    pub(super) fn new(clock: Arc<dyn Clock>, kind: &'static str, name: String) -> Self {
        let lines = Arc::new(Mutex::new(GzEncoder::new(Vec::new(), Compression::default())));
        Self { clock, kind, name, lines }
    }

    /// Says what was done.
    pub(super) fn info(&self, message: impl Into<String>) {
        self.line(Line::new(self.clock.now(), Level::Info, message));
    }

    /// Says what went wrong.
    pub(super) fn problem(&self, problem: &Problem) {
        self.line(Line::of(problem, self.clock.now()));
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

    fn append(&self, line: &Line) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to memory does not fail.
        let _written = writeln!(lines, "{line}");
    }
}
