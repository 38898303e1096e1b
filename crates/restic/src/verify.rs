//! Verification: whether all that snapshots need is there, and whether every blob is what its name says.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use kopia::content::Contents;
use kopia::restore::{Data, Tree};
use kopia::snapshot::{DirEntry, EntryType};

use crate::files::part;
use crate::index::Place;
use crate::pack::{self, Packed};
use crate::{Error, ErrorKind, Repository, Result, corrupt};

/// The most bytes that are fetched at once, unless one blob has more.
const LENGTH_MAX: u64 = 8 << 20;
/// The most problems that are named; all are counted.
const PROBLEMS_MAX: usize = 1000;
/// How deep trees may be.
const DEPTH_MAX: usize = 1000;

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Snapshots whose trees were gone through.
    pub snapshots: u64,
    /// Packs whose own lists were compared with the index.
    pub packs: u64,
    /// Blobs that were read and compared with their names.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many problems there were.
    pub problem_count: u64,
    /// The first of them: each names the file, blob or snapshot.
    pub problems: Vec<Error>,
}

struct Job<'a> {
    repository: &'a Repository,
    cancel: &'a AtomicBool,
    report: Mutex<Report>,
}

/// Verifies a repository, with so many threads. What is wrong with it is in the report; an error says that it could not be looked at.
pub fn verify(repository: &Repository, threads: usize, cancel: &AtomicBool) -> Result<Report> {
    let job = Job { repository, cancel, report: Mutex::default() };
    let mut seen = HashSet::new();
    for snapshot in repository.snapshots()? {
        job.tree(&repository.root(&snapshot), &snapshot.id, &mut seen, 0)?;
        job.note(|report| report.snapshots += 1);
    }
    let places = repository.index().by_pack();
    let packs: Vec<&[Place]> = places.chunk_by(|a, b| a.pack == b.pack).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(pack) = packs.get(next.fetch_add(1, Ordering::Relaxed))
            && job.check_cancel().is_ok()
        {
            job.pack(pack);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let panicked = || Error::new(ErrorKind::Invalid, "verify", "a thread has panicked");
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| panicked()))
    })?;
    job.check_cancel()?;
    Ok(job.report.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Job<'_> {
    fn check_cancel(&self) -> Result<()> {
        match self.cancel.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Canceled, "verify", "was canceled")),
            false => Ok(()),
        }
    }

    fn note(&self, note: impl FnOnce(&mut Report)) {
        note(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn problem(&self, error: Error) {
        self.note(|report| {
            report.problem_count += 1;
            if report.problems.len() < PROBLEMS_MAX {
                report.problems.push(error);
            }
        });
    }

    /// Looks whether a tree, those below it, and all that its files hold are in the index; each tree once.
    fn tree(
        &self,
        directory: &DirEntry,
        path: &str,
        seen: &mut HashSet<kopia::ObjectId>,
        depth: usize,
    ) -> Result<()> {
        self.check_cancel()?;
        if depth > DEPTH_MAX {
            self.problem(Error::new(ErrorKind::Unsupported, path, "lies too deep"));
            return Ok(());
        }
        if directory.object.is_some_and(|object| !seen.insert(object)) {
            return Ok(());
        }
        let mut folders = Vec::new();
        let listed = self.repository.list(directory, &mut |found| {
            let path = format!("{path}/{}", String::from_utf8_lossy(&found.entry.name));
            if let Data::Contents(contents) = &found.data {
                self.file(&path, found.entry.size, contents);
            }
            if found.entry.kind == EntryType::Directory {
                folders.push((path, found.entry));
            }
            Ok(())
        });
        if let Err(error) = listed {
            self.problem(error);
        }
        folders.iter().try_for_each(|(path, folder)| self.tree(folder, path, seen, depth + 1))
    }

    fn file(&self, path: &str, size: u64, contents: &[kopia::ContentId]) {
        let mut length = 0u64;
        for content in contents {
            match self.repository.place(content) {
                Ok(place) => length += place.map_or(0, |place| u64::from(place.length)),
                Err(error) => return self.problem(error),
            }
        }
        if length != size {
            self.problem(corrupt(path, format!("has {length} bytes in its blobs, {size} were expected")));
        }
    }

    /// Compares a pack's own list with the index, and reads every blob in it.
    fn pack(&self, places: &[Place]) {
        let Some(first) = places.first() else { return };
        let name = self.repository.index().pack(first.pack);
        match pack::list(self.repository.files(), self.repository.key(), name) {
            Err(error) => self.problem(error),
            Ok(list) => {
                self.compare(name, places, &list.into_iter().collect());
                self.note(|report| report.packs += 1);
            }
        }
        let is_sound = |place: &&Place| match Repository::check_length(place) {
            Ok(()) => true,
            Err(error) => {
                self.problem(error);
                false
            }
        };
        let places: Vec<Place> = places.iter().filter(is_sound).copied().collect();
        let mut rest = &places[..];
        while !rest.is_empty() {
            let (run, after) = rest.split_at(run_length(rest));
            self.run(&pack::path(name), run);
            rest = after;
        }
    }

    fn compare(&self, name: &str, places: &[Place], list: &HashSet<Packed>) {
        let facts = |place: &Place| {
            let (kind, id, offset) = (place.kind, place.id, place.offset);
            let (packed_length, compressed_from) = (place.packed_length, place.compressed_from);
            Packed { kind, id, offset, packed_length, compressed_from }
        };
        if let Some(missing) = places.iter().map(facts).find(|place| !list.contains(place)) {
            let reason = format!("does not say that it has {} where the index says", missing.id);
            self.problem(corrupt(pack::path(name), reason));
        }
    }

    fn run(&self, path: &str, run: &[Place]) {
        let (Some(first), Some(end)) = (run.first(), run.iter().map(end).max()) else { return };
        let length = usize::try_from(end - u64::from(first.offset)).unwrap_or(usize::MAX);
        let bytes = part(self.repository.files(), path, first.offset.into(), length);
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return self.problem(error),
        };
        for place in run {
            let at = (place.offset - first.offset) as usize;
            match self.repository.unpack(place, bytes[at..at + place.packed_length as usize].to_vec()) {
                Ok(data) => self.note(|report| {
                    report.blobs += 1;
                    report.bytes += data.len() as u64;
                }),
                Err(error) => self.problem(error),
            }
        }
    }
}

fn end(place: &Place) -> u64 {
    u64::from(place.offset) + u64::from(place.packed_length)
}

/// How many of some blobs of a pack are fetched together.
fn run_length(places: &[Place]) -> usize {
    let begin = places.first().map_or(0, |place| u64::from(place.offset));
    places.iter().position(|place| end(place) - begin > LENGTH_MAX).unwrap_or(places.len()).max(1)
}
