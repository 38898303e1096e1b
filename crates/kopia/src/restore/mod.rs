//! Restoring a tree: one thread reads directories, several fetch contents in the order of packs and write files, and nothing that a repository
//! names leads out of the target.

mod folder;
mod links;
mod options;
mod plan;
mod special;
mod target;
mod tree;
mod worker;

#[cfg(test)]
mod tests;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use folder::Folder;
use links::Links;
pub use options::{Existing, Options};
use options::{Selected, selected};
use plan::{Plan, Run};
pub use special::Special;
use target::Target;
pub use tree::{Attribute, Data, Found, Tree, copy, find};

use crate::parallel::STACK;
use crate::snapshot::{DirEntry, EntryType};
use crate::sync::lock;
use crate::{Error, ErrorKind, Result};

/// How deep a tree may be.
const DEPTH_MAX: usize = 1000;
/// The most problems that a report names; all are counted.
const PROBLEMS_MAX: usize = 1000;

/// What was done.
#[derive(Debug, Default)]
pub struct Report {
    /// Files that were written.
    pub files: u64,
    /// Symbolic links that were made.
    pub symlinks: u64,
    /// Pipes, sockets and devices that were made.
    pub special: u64,
    /// Folders that were made, or were there.
    pub folders: u64,
    /// Files and links that were kept as they were.
    pub kept: u64,
    /// What was there and is not in the tree, and was deleted; a folder counts once.
    pub deleted: u64,
    /// Bytes in files that were written.
    pub bytes: u64,
    /// How many problems there were.
    pub problem_count: u64,
    /// The first of them.
    pub problems: Vec<Problem>,
}

/// What could not be restored, or not as it was.
#[derive(Debug)]
pub struct Problem {
    /// Its path below the target.
    pub path: String,
    /// Why.
    pub error: Error,
}

/// What all threads of a restore share.
struct Job<'a> {
    tree: &'a dyn Tree,
    options: &'a Options,
    cancel: &'a AtomicBool,
    root: OwnedFd,
    report: Mutex<Report>,
}

impl Job<'_> {
    fn check_cancel(&self) -> Result<()> {
        match self.cancel.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Canceled, "restore", "was canceled")),
            false => Ok(()),
        }
    }

    fn count(&self, note: impl FnOnce(&mut Report)) {
        note(&mut lock(&self.report));
    }

    fn problem(&self, path: String, error: Error) {
        let mut report = lock(&self.report);
        report.problem_count += 1;
        if report.problems.len() < PROBLEMS_MAX {
            report.problems.push(Problem { path, error });
        }
    }
}

/// Restores the tree below an entry into a folder, which is made if it is not there. What goes wrong with single files is in the report; an
/// error ends all. After a cancel, [`ErrorKind::Canceled`], no file is half written.
pub fn restore(
    tree: &dyn Tree,
    root: &DirEntry,
    target: &Path,
    options: &Options,
    cancel: &AtomicBool,
) -> Result<Report> {
    if root.kind != EntryType::Directory {
        return Err(Error::invalid("restore", "the root of the tree is no directory"));
    }
    let job = Job { tree, options, cancel, root: folder::open_target(target)?, report: Mutex::default() };
    for path in &options.select {
        if let Err(error) = find(tree, root, path) {
            job.problem(path.clone(), error);
        }
    }
    run(&job, root)?;
    job.check_cancel()?;
    Ok(job.report.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn run(job: &Job<'_>, root: &DirEntry) -> Result<()> {
    let threads = job.options.threads.max(1);
    let (sender, receiver) = mpsc::sync_channel::<Run<'_>>(threads * 2);
    let receiver = Mutex::new(receiver);
    let work = || {
        while let Some(run) = next(&receiver) {
            worker::run(job, run);
        }
    };
    let links = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let list = || {
            let mut lister = Lister { job, plan: Plan::new(job.tree, sender), links: Links::default() };
            lister.list(&Arc::new(Folder::root(job, root.clone())), root, 0)?;
            lister.plan.send()?;
            Ok(lister.links)
        };
        let lister = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, list);
        let lister = lister.map_err(|error| Error::from_io("restore", error))?;
        let panicked = || Error::invalid("restore", "a thread has panicked");
        let links = lister.join().unwrap_or_else(|_| Err(panicked()));
        // all of them, for the reason that `parallel` gives
        let has_panicked = workers.into_iter().filter_map(|worker| worker.join().err()).count() > 0;
        if has_panicked { Err(panicked()) } else { links }
    })?;
    links.make(job);
    Ok(())
}

fn next<'a>(receiver: &Mutex<mpsc::Receiver<Run<'a>>>) -> Option<Run<'a>> {
    lock(receiver).recv().ok()
}

/// Whoever goes through the directories.
struct Lister<'a> {
    job: &'a Job<'a>,
    plan: Plan<'a>,
    links: Links<'a>,
}

impl<'a> Lister<'a> {
    /// Goes through a directory; files are left to the others.
    fn list(&mut self, folder: &Arc<Folder<'a>>, directory: &DirEntry, depth: usize) -> Result<()> {
        let (job, path) = (self.job, folder.path());
        job.count(|report| report.folders += 1);
        let mut visit = |found: Found| {
            job.check_cancel()?;
            match self.entry(folder, found, depth) {
                Err(error) if error.kind() != ErrorKind::Canceled => {
                    job.problem(path.clone(), error);
                    Ok(())
                }
                outcome => outcome,
            }
        };
        match job.tree.list(directory, &mut visit) {
            Err(error) if error.kind() == ErrorKind::Canceled => return Err(error),
            Err(error) => job.problem(path.clone(), error),
            Ok(()) => folder.listed(),
        }
        Ok(())
    }

    fn entry(&mut self, folder: &Arc<Folder<'a>>, found: Found, depth: usize) -> Result<()> {
        let entry = &found.entry;
        let path = folder.path_of(&entry.name);
        folder::check_name(&entry.name, &path)?;
        folder.note(&entry.name);
        match (selected(&self.job.options.select, &folder.bytes_of(&entry.name)), entry.kind) {
            (Selected::No, _) => Ok(()),
            (_, EntryType::Directory) if depth >= DEPTH_MAX => Err(Error::unsupported(path, "lies too deep")),
            (selected, EntryType::Directory) => {
                let below = Folder::below(folder, entry.clone(), found.attributes, selected)?;
                self.list(&Arc::new(below), entry, depth + 1)
            }
            (Selected::Part, _) => Ok(()),
            (Selected::Whole, EntryType::File | EntryType::Symlink) => self.file(folder, found),
            (Selected::Whole, EntryType::Unknown) => match found.data {
                Data::Special(special) => special::make(self.job, folder, &found, special),
                _ => Err(Error::unsupported(path, "is of a type that is not known")),
            },
        }
    }

    fn file(&mut self, folder: &Arc<Folder<'a>>, found: Found) -> Result<()> {
        if found.entry.kind == EntryType::Symlink
            && let Err(error) = special::told(&folder.path_of(&found.entry.name), &found)
        {
            self.job.problem(folder.path_of(&found.entry.name), error);
        }
        let Found { entry, data, attributes } = found;
        if folder.keeps(&entry) {
            self.job.count(|report| report.kept += 1);
            return Ok(());
        }
        if self.links.take(folder, &entry) {
            return Ok(());
        }
        let target = Arc::new(Target::new(Arc::clone(folder), entry, attributes));
        match self.plan.add(&target, data) {
            Err(error) if error.kind() != ErrorKind::Canceled => {
                target.fail(error);
                Ok(())
            }
            outcome => outcome,
        }
    }
}
