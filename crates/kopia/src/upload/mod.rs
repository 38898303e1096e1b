//! Uploading a tree: directories and files side by side, large files by several threads, and nothing in memory that grows with the tree.
//!
//! What the previous snapshots of the same source have under the same name, with the same size, time, owner and permissions, is not read again.
//! A [`checkpoint`](Upload::checkpoint) is a snapshot of what is done so far: a later upload goes on from there, and maintenance keeps its data.

mod file;
mod known;
mod names;
mod open;
mod options;
mod report;
mod save;
mod walk;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use open::Open;
pub use options::{CompressionRule, Options};
pub use report::{Counts, Problem, Progress, Severity};
pub use save::{Request, Saved, snapshot};

use crate::parallel::{Crew, deep};
use crate::snapshot::DirEntry;
use crate::sync::lock;
use crate::{Error, ErrorKind, ObjectId, Result, Time, Writer};

/// The most files with several names that are remembered, so that they are read once.
const LINKS_MAX: usize = 100_000;

/// An upload of one tree.
pub struct Upload<'a> {
    /// What it is written with.
    pub writer: &'a Writer,
    /// How it is done.
    pub options: &'a Options,
    /// Roots of earlier snapshots of the same source, the latest last.
    pub previous: &'a [DirEntry],
    /// What has been done so far.
    pub progress: &'a Progress,
    /// Ends it as soon as it is set.
    pub cancel: &'a AtomicBool,
    /// Keeps the root of a tree that is not whole, so that nothing of it is lost.
    pub checkpoint: Option<&'a (dyn Fn(DirEntry) -> Result<()> + Sync)>,
}

/// A file with several names as it was when it was read: its time, its length, and its object.
type Link = (Time, u64, ObjectId);

/// What all threads of an upload share.
struct Job<'a> {
    upload: &'a Upload<'a>,
    crew: Crew,
    root: OwnedFd,
    /// The file system that the root is on.
    device: u64,
    top: Mutex<Option<Arc<Open<'a>>>>,
    next_checkpoint: Mutex<Time>,
    /// Files with several names, by device and number, as they were when they were read.
    links: Mutex<HashMap<(u64, u64), Link>>,
}

impl<'a> Upload<'a> {
    /// Uploads the tree below a folder: its root. What goes wrong with single files is in [`Progress`]; an error ends all. After a cancel,
    /// [`ErrorKind::Canceled`], there is a checkpoint of what was done.
    pub fn run(&self, source: &Path) -> Result<DirEntry> {
        let failed = |error: io::Error| failed(source, &error);
        let root = File::open(source).map_err(failed)?;
        let metadata = rustix::fs::fstat(&root).map_err(|error| failed(error.into()))?;
        let name = source.file_name().unwrap_or_else(|| OsStr::new("/")).as_bytes().to_vec();
        let job = Job {
            upload: self,
            crew: Crew::new(self.options.threads),
            root: root.into(),
            device: metadata.st_dev,
            top: Mutex::default(),
            next_checkpoint: Mutex::new(self.now().plus(self.options.checkpoint_every)),
            links: Mutex::default(),
        };
        let outcome = deep(|| walk::root(&job, name, &metadata));
        if outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::Canceled) {
            job.make_checkpoint()?;
        }
        outcome
    }

    fn now(&self) -> Time {
        self.writer.repository().storage().now()
    }
}

impl Job<'_> {
    fn check_cancel(&self) -> Result<()> {
        match self.upload.cancel.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Canceled, "upload", "was canceled")),
            false => Ok(()),
        }
    }

    /// Makes a checkpoint if it is time for one and nobody else does.
    fn checkpoint_if_due(&self) -> Result<()> {
        let Ok(mut next) = self.next_checkpoint.try_lock() else { return Ok(()) };
        if self.upload.now() < *next {
            return Ok(());
        }
        self.make_checkpoint()?;
        *next = self.upload.now().plus(self.upload.options.checkpoint_every);
        Ok(())
    }

    fn make_checkpoint(&self) -> Result<()> {
        let Some(keep) = self.upload.checkpoint else { return Ok(()) };
        let top = lock(&self.top).clone();
        top.map_or(Ok(()), |top| keep(top.so_far()?))
    }

    fn known_link(&self, key: (u64, u64), modified: Time, size: u64) -> Option<ObjectId> {
        let links = lock(&self.links);
        links.get(&key).filter(|known| (known.0, known.1) == (modified, size)).map(|known| known.2)
    }

    fn note_link(&self, key: (u64, u64), modified: Time, size: u64, object: ObjectId) {
        let mut links = lock(&self.links);
        if links.len() < LINKS_MAX {
            links.insert(key, (modified, size, object));
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Storage,
    };
    Error::new(kind, path.display().to_string(), format!("the file system failed: {error}"))
}
