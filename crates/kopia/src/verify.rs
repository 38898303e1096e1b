//! Verification: whether all that snapshots need is there, and whether it is what it should be; all of it, or a sample that is another each time.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::content::{ContentId, Contents, Entry};
use crate::maintenance::Used;
use crate::manifest::{Manifests, TYPE};
use crate::parallel::{Crew, deep};
use crate::repository::Verified;
use crate::snapshot::Snapshot;
use crate::storage::sorted;
use crate::sync::lock;
use crate::{Error, ErrorKind, Repository, Result};

/// How many contents are looked at before the next are looked for.
const BATCH: usize = 100_000;
/// The most bytes that are fetched at once, unless one content has more.
const LENGTH_MAX: u64 = 8 << 20;
/// The most problems that are named; all are counted.
const PROBLEMS_MAX: usize = 1000;

/// What is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many of a hundred contents are read.
    pub percent: u8,
    /// Another number is another sample.
    pub salt: u64,
    /// How many packs are read at once.
    pub threads: usize,
}

impl Default for Options {
    /// Everything.
    fn default() -> Self {
        Self { percent: 100, salt: 0, threads: 4 }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Snapshots whose trees were gone through.
    pub snapshots: u64,
    /// Contents that indexes name.
    pub contents: u64,
    /// Contents that were read.
    pub contents_read: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// How many problems there were.
    pub problem_count: u64,
    /// The first of them: each names the blob, content or snapshot.
    pub problems: Vec<Error>,
}

/// Verifies a repository. What is wrong with it is in the report; an error says that it could not be looked at.
pub fn verify(repository: &Repository, options: &Options, cancel: &AtomicBool) -> Result<Report> {
    repository.refresh()?;
    let (job, crew) = (Job { repository, cancel, report: Mutex::default() }, Crew::new(options.threads));
    let packs = packs(repository, &crew)?;
    let mut batch = Vec::new();
    repository.entries(&mut |entry| {
        job.count(|report| report.contents += 1);
        if let Err(error) = check_place(&packs, &entry) {
            job.problem(error);
        } else if is_chosen(&entry.id, options) {
            batch.push(entry);
        }
        if batch.len() >= BATCH { job.read(&mut batch, &crew) } else { Ok(()) }
    })?;
    job.read(&mut batch, &crew)?;
    deep(|| job.trees(&crew))?;
    Ok(job.report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// The lengths of all packs.
fn packs(repository: &Repository, crew: &Crew) -> Result<HashMap<String, u64>> {
    let lists = crew.map(&["p", "q"], |prefix| sorted(repository.storage(), prefix))?;
    Ok(lists.into_iter().flatten().map(|blob| (blob.name, blob.length)).collect())
}

fn check_place(packs: &HashMap<String, u64>, entry: &Entry) -> Result<()> {
    let absent =
        || Error::new(ErrorKind::NotFound, &*entry.pack, format!("is lost, and {} with it", entry.id));
    let length = packs.get(&*entry.pack).ok_or_else(absent)?;
    if u64::from(entry.offset) + u64::from(entry.packed_length) > *length {
        return Err(Error::corrupt(&entry.pack, format!("is cut off, and {} is lost", entry.id)));
    }
    Ok(())
}

fn is_chosen(id: &ContentId, options: &Options) -> bool {
    let hash = blake3::Hasher::new().update(&options.salt.to_le_bytes()).update(&id.key().0).finalize();
    let number = hash.as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes);
    number % 100 < u64::from(options.percent)
}

struct Job<'a> {
    repository: &'a Repository,
    cancel: &'a AtomicBool,
    report: Mutex<Report>,
}

impl Job<'_> {
    fn count(&self, note: impl FnOnce(&mut Report)) {
        note(&mut lock(&self.report));
    }

    fn problem(&self, error: Error) {
        self.count(|report| {
            report.problem_count += 1;
            if report.problems.len() < PROBLEMS_MAX {
                report.problems.push(error);
            }
        });
    }

    /// Reads contents in the order of packs.
    fn read(&self, batch: &mut Vec<Entry>, crew: &Crew) -> Result<()> {
        batch.sort_by(|a, b| (&a.pack, a.offset).cmp(&(&b.pack, b.offset)));
        let mut runs: Vec<&[Entry]> = Vec::new();
        for pack in batch.chunk_by(|a, b| a.pack == b.pack) {
            let mut rest = pack;
            while let Some(first) = rest.first() {
                let end = |entry: &Entry| u64::from(entry.offset) + u64::from(entry.packed_length);
                let fits = |entry: &Entry| end(entry) - u64::from(first.offset) <= LENGTH_MAX;
                let count = rest.iter().take_while(|entry| fits(entry)).count().max(1);
                let (run, others) = rest.split_at(count);
                runs.push(run);
                rest = others;
            }
        }
        crew.map(&runs, |run| self.read_run(run))?;
        batch.clear();
        Ok(())
    }

    fn read_run(&self, run: &[Entry]) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Canceled, "verification", "was canceled"));
        }
        let mut failed = Ok(());
        Verified(self.repository).run(run, &mut |number, data| match data {
            Ok(data) => self.count(|report| {
                report.contents_read += 1;
                report.bytes_read += data.len() as u64;
            }),
            Err(error) if error.kind() == ErrorKind::Storage => failed = Err(error),
            Err(error) => {
                let reason = format!("{}: {error}", run[number].id);
                self.problem(Error::new(error.kind(), &*run[number].pack, reason));
            }
        });
        failed
    }

    /// Goes through the trees of all snapshots.
    fn trees(&self, crew: &Crew) -> Result<()> {
        let used = Used::default();
        let manifests = Manifests::load(self.repository)?;
        for manifest in manifests.find(&[(TYPE, "snapshot")]) {
            let added =
                Snapshot::read(manifest).and_then(|snapshot| used.add(self.repository, crew, &snapshot.root));
            match added {
                Err(error) if error.kind() == ErrorKind::Storage => return Err(error),
                Err(error) => {
                    let subject = format!("snapshot {}", manifest.id());
                    self.problem(Error::new(error.kind(), subject, error.to_string()));
                }
                Ok(()) => self.count(|report| report.snapshots += 1),
            }
        }
        Ok(())
    }
}
