//! Copies of snapshots from one repository to another, which has other keys: every content gets another name, and is stored once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::compression::Compression;
use crate::manifest::{Changes, Manifests};
use crate::object;
use crate::parallel::{Crew, deep};
use crate::repository::Verified;
use crate::snapshot::{DirEntry, DirectoryWriter, EntryType, Snapshot, list};
use crate::sync::lock;
use crate::{Error, ErrorKind, ObjectId, Repository, Result, Writer};

/// How many entries are copied before the first of them is written.
const PAGE: usize = 1024;
/// How many objects are remembered, so that they are copied once.
const OBJECTS_MAX: usize = 1_000_000;

/// A copy of snapshots. What several of them have in common is read once.
pub struct Copier<'a> {
    from: Verified<'a>,
    to: &'a Writer,
    crew: Crew,
    compression: Option<Compression>,
    copied: Mutex<HashMap<ObjectId, ObjectId>>,
    cancel: &'a AtomicBool,
}

impl<'a> Copier<'a> {
    /// Begins to copy, with so many threads; files are compressed so.
    pub fn new(
        from: &'a Repository,
        to: &'a Writer,
        threads: usize,
        compression: Option<Compression>,
        cancel: &'a AtomicBool,
    ) -> Self {
        let (from, crew) = (Verified(from), Crew::new(threads));
        Self { from, to, crew, compression, copied: Mutex::default(), cancel }
    }

    /// Copies a snapshot, unless the other repository has it: the name of its manifest there.
    pub fn copy(&self, snapshot: &Snapshot) -> Result<String> {
        let repository = self.to.repository();
        let manifests = Manifests::load(repository)?;
        let is_there = |there: &Snapshot| {
            (there.started, there.ended, &there.incomplete)
                == (snapshot.started, snapshot.ended, &snapshot.incomplete)
        };
        for manifest in manifests.find(&snapshot.source.labels()) {
            if Snapshot::read(manifest).is_ok_and(|there| is_there(&there)) {
                return Ok(manifest.id().to_owned());
            }
        }
        let root = deep(|| self.entry(&snapshot.root))?;
        let copy = Snapshot { root, ..snapshot.clone() };
        let mut changes = Changes::default();
        let id = changes.put(repository, copy.labels()?, copy.to_bytes())?;
        changes.write(self.to)?;
        self.to.flush()?;
        Ok(id)
    }

    fn entry(&self, entry: &DirEntry) -> Result<DirEntry> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Canceled, "copy", "was canceled"));
        }
        let Some(object) = entry.object else { return Ok(entry.clone()) };
        let known = lock(&self.copied).get(&object).copied();
        let copied = match (known, entry.kind) {
            (Some(known), _) => known,
            (None, EntryType::Directory) => self.directory(entry)?,
            (None, EntryType::File) => object::copy(&self.from, object, self.to, self.compression)?,
            (None, _) => object::copy(&self.from, object, self.to, None)?,
        };
        let mut all = lock(&self.copied);
        if all.len() < OBJECTS_MAX {
            all.insert(object, copied);
        }
        Ok(DirEntry { object: Some(copied), ..entry.clone() })
    }

    fn directory(&self, directory: &DirEntry) -> Result<ObjectId> {
        let mut document = DirectoryWriter::new(self.to, Compression::of_metadata())?;
        let mut page = Vec::new();
        let mut write = |page: &mut Vec<DirEntry>| {
            let entries = self.crew.map(page, |entry| self.entry(entry))?;
            page.clear();
            entries.iter().try_for_each(|entry| document.add(entry))
        };
        let summary = list(&self.from, directory, &mut |entry| {
            page.push(entry);
            if page.len() >= PAGE { write(&mut page) } else { Ok(()) }
        })?;
        write(&mut page)?;
        document.finish_as(summary.as_ref())
    }
}
