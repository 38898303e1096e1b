//! Going through the tree. Directories come before files, each in the order of names, as they are stored; what is next to each other is done at
//! the same time.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Stat, statat};
use rustix::io::Errno;

use super::known::Known;
use super::names::{Name, Names};
use super::open::Open;
use super::{Job, Severity, file};
use crate::beneath;
use crate::ignore::Scope;
use crate::snapshot::{DirEntry, DirectoryWriter, EntryType, Mode};
use crate::sync::lock;
use crate::{Error, ErrorKind, ObjectId, Result, Time};

/// How many directories are begun before the first of them is written.
const DIRECTORIES: usize = 64;
/// How many files are.
const FILES: usize = 1024;
/// How deep a tree may be.
const DEPTH_MAX: usize = 1000;

/// A directory on the way.
pub(super) struct Place<'a> {
    pub(super) job: &'a Job<'a>,
    /// Its path below the root.
    pub(super) path: Vec<u8>,
    depth: usize,
    scope: Arc<Scope>,
    pub(super) known: Known,
    pub(super) open: Arc<Open<'a>>,
}

/// Why something is not in the tree.
pub(super) enum Missing {
    /// It has gone meanwhile, or is left out: the tree is whole without it.
    Nothing,
    /// It cannot be read.
    Unreadable(io::Error),
    /// Nothing can be written, or somebody wants it to end.
    Fatal(Error),
}

impl From<Error> for Missing {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

impl From<io::Error> for Missing {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Errno> for Missing {
    fn from(error: Errno) -> Self {
        Self::Unreadable(error.into())
    }
}

/// Uploads everything.
pub(super) fn root<'a>(job: &'a Job<'a>, name: Vec<u8>, stat: &Stat) -> Result<DirEntry> {
    let unreadable =
        |error: io::Error| Error::new(ErrorKind::Storage, "/", format!("cannot be read: {error}"));
    let previous: Vec<ObjectId> = job.upload.previous.iter().filter_map(|root| root.object).collect();
    let entry = DirEntry { kind: EntryType::Directory, ..entry_of(name, stat) };
    let scope = Arc::new(Scope::new(Arc::clone(&job.upload.options.rules)));
    let begun = begin(job, Vec::new(), entry, &previous, 0, &scope);
    let (place, names) = begun.map_err(|missing| match missing {
        Missing::Fatal(error) => error,
        Missing::Unreadable(error) => unreadable(error),
        Missing::Nothing => unreadable(io::ErrorKind::NotFound.into()),
    })?;
    *lock(&job.top) = Some(Arc::clone(&place.open));
    place.fill(&names)
}

/// Reads a directory's names, and what is known of it.
fn begin<'a>(
    job: &'a Job<'a>,
    path: Vec<u8>,
    entry: DirEntry,
    previous: &[ObjectId],
    depth: usize,
    scope: &Arc<Scope>,
) -> std::result::Result<(Place<'a>, Names), Missing> {
    let upload = job.upload;
    let (names, scope) = {
        let folder = beneath::open(&job.root, &path)?;
        let names = Names::read(&folder)?;
        let scope = rules_in(job, &folder, &names, &path, depth, scope)?;
        let is_cache = upload.options.skip_caches && file::is_cache(&folder, &names)?;
        (if is_cache { Names::default() } else { names }, scope)
    };
    let (known, is_whole) = Known::load(upload.writer, previous)?;
    if !is_whole {
        let reason = "an earlier snapshot of it cannot be read: everything in it is read again".to_owned();
        upload.progress.problem(&text(&path), reason, Severity::Warning);
    }
    let document = DirectoryWriter::new(upload.writer, upload.options.metadata_compression)?;
    let open = Arc::new(Open::new(entry, document));
    Ok((Place { job, path, depth, scope, known, open }, names))
}

/// What is left out here: what is above, and what files in it say.
fn rules_in(
    job: &Job<'_>,
    folder: impl AsFd,
    names: &Names,
    path: &[u8],
    depth: usize,
    above: &Arc<Scope>,
) -> std::result::Result<Arc<Scope>, Missing> {
    let mut scope = Arc::clone(above);
    for name in job.upload.options.rule_files.iter().filter(|name| names.has_file(name.as_bytes())) {
        let (rules, bad) = file::rules(folder.as_fd(), name)?;
        for pattern in bad {
            let reason = format!("{name}: {pattern:?} is no pattern, and is passed over");
            job.upload.progress.problem(&text(path), reason, Severity::Warning);
        }
        scope = Arc::new(Scope::below(scope, depth, rules));
    }
    Ok(scope)
}

impl<'a> Place<'a> {
    /// Uploads what is in it.
    fn fill(&self, names: &Names) -> Result<DirEntry> {
        let crew = &self.job.crew;
        for page in names.directories().chunks(DIRECTORIES) {
            let entries = crew.map(page, |name| self.directory(names.get(*name)))?;
            self.open.write(&entries.into_iter().flatten().collect::<Vec<_>>())?;
        }
        let others: Vec<&[Name]> = names.others().chunks(FILES).collect();
        if !others.is_empty() {
            let folder = match beneath::open(&self.job.root, &self.path) {
                Ok(folder) => folder,
                Err(error) => return self.without_files(&error),
            };
            for page in others {
                let entries = crew.map(page, |name| self.file(&folder, names.get(*name)))?;
                self.open.write(&entries.into_iter().flatten().collect::<Vec<_>>())?;
            }
        }
        self.job.upload.progress.count(|counts| counts.directories += 1);
        self.open.finish()
    }

    /// The directory has gone while what is below it was read.
    fn without_files(&self, error: &io::Error) -> Result<DirEntry> {
        self.job.upload.progress.problem(&text(&self.path), error.to_string(), Severity::Warning);
        self.open.finish()
    }

    fn directory(&self, name: &[u8]) -> Result<Option<DirEntry>> {
        let path = self.path_of(name);
        let outcome = self.begin_below(name, path.clone()).and_then(|begun| {
            let Some((place, names)) = begun else { return Ok(None) };
            self.open.begin(&place.open);
            let entry = place.fill(&names);
            // what was begun stays open after an error, for the checkpoint of a cancel
            let entry = entry?;
            self.open.end(&place.open, Some(&entry));
            Ok(Some(entry))
        });
        self.settle(&path, outcome, self.job.upload.options.ignore_directory_errors)
    }

    fn begin_below(
        &self,
        name: &[u8],
        path: Vec<u8>,
    ) -> std::result::Result<Option<(Place<'a>, Names)>, Missing> {
        self.job.check_cancel()?;
        let stat = {
            let folder = beneath::open(&self.job.root, &self.path)?;
            statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?
        };
        let is_elsewhere = self.job.upload.options.one_file_system && stat.st_dev != self.job.device;
        if is_elsewhere || self.scope.excludes(&path, true) {
            self.job.upload.progress.count(|counts| counts.excluded_directories += 1);
            return Ok(None);
        }
        self.check_name(name, &path);
        if self.depth >= DEPTH_MAX {
            return Err(Missing::Unreadable(io::Error::other("lies too deep")));
        }
        let entry = DirEntry { kind: EntryType::Directory, ..entry_of(name.to_vec(), &stat) };
        let previous = self.known.directory(name);
        begin(self.job, path, entry, previous, self.depth + 1, &self.scope).map(Some)
    }

    fn file(&self, folder: impl AsFd, name: &[u8]) -> Result<Option<DirEntry>> {
        let path = self.path_of(name);
        let outcome = self.job.check_cancel().map_err(Missing::from);
        let outcome = outcome.and_then(|()| self.entry(folder.as_fd(), name, &path));
        let entry = self.settle(&path, outcome, self.job.upload.options.ignore_file_errors)?;
        if let Some(entry) = &entry {
            self.open.done(entry);
        }
        self.job.checkpoint_if_due()?;
        Ok(entry)
    }

    fn entry(
        &self,
        folder: impl AsFd,
        name: &[u8],
        path: &[u8],
    ) -> std::result::Result<Option<DirEntry>, Missing> {
        let options = self.job.upload.options;
        let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let entry = entry_of(name.to_vec(), &stat);
        let is_too_long = options.length_max > 0 && entry.size > options.length_max;
        let is_elsewhere = options.one_file_system && stat.st_dev != self.job.device;
        if is_too_long || is_elsewhere || self.scope.excludes(path, false) {
            self.job.upload.progress.count(|counts| {
                counts.excluded_files += 1;
                counts.excluded_bytes += entry.size;
            });
            return Ok(None);
        }
        self.check_name(name, path);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => file::regular(self, folder, entry, &stat),
            FileType::Symlink => file::link(self, folder, entry),
            kind => self.unknown(path, kind),
        }
    }

    fn unknown(&self, path: &[u8], kind: FileType) -> std::result::Result<Option<DirEntry>, Missing> {
        let what = match kind {
            FileType::Directory => return Err(Missing::Nothing),
            FileType::BlockDevice | FileType::CharacterDevice => "a device",
            FileType::Fifo => "a pipe",
            FileType::Socket => "a socket",
            _ => "of a type that is not known",
        };
        let reason = format!("is {what}, which a snapshot has no place for");
        if !self.job.upload.options.ignore_unknown_types {
            return Err(Missing::Unreadable(io::Error::other(reason)));
        }
        self.job.upload.progress.problem(&text(path), reason, Severity::Warning);
        Ok(None)
    }

    /// What becomes of an entry: it is there, or missing, which is told, or all is over.
    fn settle(
        &self,
        path: &[u8],
        outcome: std::result::Result<Option<DirEntry>, Missing>,
        is_ignored: bool,
    ) -> Result<Option<DirEntry>> {
        let progress = self.job.upload.progress;
        match outcome {
            Ok(entry) => return Ok(entry),
            Err(Missing::Fatal(error)) => return Err(error),
            Err(Missing::Nothing) => {
                progress.problem(
                    &text(path),
                    "has changed into something else meanwhile".to_owned(),
                    Severity::Warning,
                );
            }
            Err(Missing::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {
                progress.problem(&text(path), "has vanished meanwhile".to_owned(), Severity::Warning);
            }
            Err(Missing::Unreadable(error)) => {
                let severity = if is_ignored { Severity::Ignored } else { Severity::Error };
                progress.problem(&text(path), error.to_string(), severity);
                self.open.fail(text(path), error.to_string(), is_ignored);
            }
        }
        Ok(None)
    }

    /// Tells of a name that kopia's command would restore as another one.
    fn check_name(&self, name: &[u8], path: &[u8]) {
        if str::from_utf8(name).is_err() {
            let reason = "its name is no text: kopia's command would restore it under another one".to_owned();
            self.job.upload.progress.problem(&text(path), reason, Severity::Warning);
        }
    }

    fn path_of(&self, name: &[u8]) -> Vec<u8> {
        if self.path.is_empty() { name.to_vec() } else { [&self.path[..], b"/", name].concat() }
    }
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// What is known of something before it is read.
fn entry_of(name: Vec<u8>, stat: &Stat) -> DirEntry {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => EntryType::File,
        FileType::Directory => EntryType::Directory,
        FileType::Symlink => EntryType::Symlink,
        _ => EntryType::Unknown,
    };
    let is_sized = matches!(kind, EntryType::File | EntryType::Symlink);
    DirEntry {
        name,
        kind,
        mode: Mode::from_unix(stat.st_mode),
        size: if is_sized { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
        modified: modified(stat),
        uid: stat.st_uid,
        gid: stat.st_gid,
        object: None,
        summary: None,
        link: (kind == EntryType::File && stat.st_nlink > 1).then_some(stat.st_ino),
    }
}

pub(super) fn modified(stat: &Stat) -> Time {
    let nanos = stat.st_mtime.saturating_mul(1_000_000_000);
    Time::from_nanos(nanos.saturating_add(i64::try_from(stat.st_mtime_nsec).unwrap_or(0)))
}
