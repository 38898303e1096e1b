//! What an upload has done and met so far; anybody may look meanwhile.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::snapshot::Stats;
use crate::sync::lock;

/// The most problems that are named; all are counted.
const PROBLEMS_MAX: usize = 1000;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The snapshot is whole without it: it has vanished meanwhile, or is nothing that can be stored.
    Warning,
    /// It is missing, which is allowed.
    Ignored,
    /// It is missing.
    Error,
}

/// What could not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its path below the root.
    pub path: String,
    /// Why.
    pub reason: String,
    /// How bad that is.
    pub severity: Severity,
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files and links that were read.
    pub files: u64,
    /// Files and links that earlier snapshots had.
    pub cached_files: u64,
    /// Directories that were read, with the root.
    pub directories: u64,
    /// Bytes that were read; holes are not.
    pub bytes_read: u64,
    /// Bytes in files that were read.
    pub bytes: u64,
    /// Bytes in files that earlier snapshots had.
    pub cached_bytes: u64,
    /// Files that were left out by rules.
    pub excluded_files: u64,
    /// Directories that were left out by rules.
    pub excluded_directories: u64,
    /// Bytes in files that were left out by rules.
    pub excluded_bytes: u64,
    /// Warnings.
    pub warnings: u64,
    /// Failures that are allowed.
    pub ignored_errors: u64,
    /// Failures.
    pub errors: u64,
}

/// What an upload has done so far.
#[derive(Debug, Default)]
pub struct Progress {
    counts: Mutex<Counts>,
    /// Counted apart: they grow while a file is read.
    bytes_read: AtomicU64,
    problems: Mutex<Vec<Problem>>,
}

impl Progress {
    /// What has been counted so far.
    pub fn counts(&self) -> Counts {
        Counts { bytes_read: self.bytes_read.load(Ordering::Relaxed), ..*lock(&self.counts) }
    }

    /// The first problems so far.
    pub fn problems(&self) -> Vec<Problem> {
        lock(&self.problems).clone()
    }

    /// The same as a snapshot has it.
    pub fn stats(&self) -> Stats {
        let counts = self.counts();
        Stats {
            total_size: counts.bytes + counts.cached_bytes,
            excluded_total_size: counts.excluded_bytes,
            file_count: counts.files,
            cached_files: counts.cached_files,
            non_cached_files: counts.files,
            dir_count: counts.directories,
            excluded_file_count: counts.excluded_files,
            excluded_dir_count: counts.excluded_directories,
            ignored_error_count: counts.ignored_errors,
            error_count: counts.errors,
        }
    }

    pub(super) fn count(&self, note: impl FnOnce(&mut Counts)) {
        note(&mut lock(&self.counts));
    }

    pub(super) fn has_read(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn problem(&self, path: &str, reason: String, severity: Severity) {
        self.count(|counts| match severity {
            Severity::Warning => counts.warnings += 1,
            Severity::Ignored => counts.ignored_errors += 1,
            Severity::Error => counts.errors += 1,
        });
        let mut problems = lock(&self.problems);
        if problems.len() < PROBLEMS_MAX {
            problems.push(Problem { path: path.to_owned(), reason, severity });
        }
    }
}
