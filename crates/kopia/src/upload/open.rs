//! Directories that are being uploaded, and what is done of them by now: from that a checkpoint is made at any time.

use std::sync::{Arc, Mutex};

use crate::Result;
use crate::snapshot::{DirEntry, DirectoryWriter};
use crate::sync::lock;

/// Why a checkpoint is not whole, in kopia's word.
const CHECKPOINT: &str = "checkpoint";

/// A directory that is being uploaded.
pub(super) struct Open<'a> {
    /// The directory itself, without what it holds.
    pub(super) entry: DirEntry,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    document: DirectoryWriter<'a>,
    /// What is done and not in the document yet, since something before it is not.
    done: Vec<DirEntry>,
    below: Vec<Arc<Open<'a>>>,
}

impl<'a> Open<'a> {
    pub(super) fn new(entry: DirEntry, document: DirectoryWriter<'a>) -> Self {
        Self { entry, state: Mutex::new(State { document, done: Vec::new(), below: Vec::new() }) }
    }

    /// Takes note of a directory in it that is begun.
    pub(super) fn begin(&self, below: &Arc<Self>) {
        lock(&self.state).below.push(Arc::clone(below));
    }

    /// Takes note of a directory in it that is over, whole or not.
    pub(super) fn end(&self, below: &Arc<Self>, entry: Option<&DirEntry>) {
        let mut state = lock(&self.state);
        state.below.retain(|open| !Arc::ptr_eq(open, below));
        state.done.extend(entry.cloned());
    }

    /// Takes note of a file in it.
    pub(super) fn done(&self, entry: &DirEntry) {
        lock(&self.state).done.push(entry.clone());
    }

    /// Writes entries, among which are all that are done.
    pub(super) fn write(&self, entries: &[DirEntry]) -> Result<()> {
        let mut state = lock(&self.state);
        state.done.clear();
        entries.iter().try_for_each(|entry| state.document.add(entry))
    }

    /// Takes note of an entry that could not be read.
    pub(super) fn fail(&self, path: String, error: String, is_ignored: bool) {
        lock(&self.state).document.fail(path, error, is_ignored);
    }

    /// The directory as a whole.
    pub(super) fn finish(&self) -> Result<DirEntry> {
        let document = lock(&self.state).document.clone();
        self.with(document, "")
    }

    /// The directory as it is by now.
    pub(super) fn so_far(&self) -> Result<DirEntry> {
        let (mut document, done, below) = {
            let state = lock(&self.state);
            (state.document.clone(), state.done.clone(), state.below.clone())
        };
        done.iter().try_for_each(|entry| document.add(entry))?;
        below.iter().try_for_each(|open| document.add(&open.so_far()?))?;
        self.with(document, CHECKPOINT)
    }

    fn with(&self, document: DirectoryWriter<'a>, incomplete: &str) -> Result<DirEntry> {
        let (object, summary) = document.finish(self.entry.modified, incomplete)?;
        Ok(DirEntry { object: Some(object), summary: Some(summary), ..self.entry.clone() })
    }
}
