//! Collection: every tree of every snapshot is gone through, and contents that none of them needs are marked as deleted.

use std::collections::HashSet;
use std::sync::Mutex;

use super::Run;
use crate::content::{ContentId, Contents, Entry, Prefix};
use crate::manifest::{Manifests, TYPE};
use crate::object::contents_of;
use crate::parallel::Crew;
use crate::snapshot::{DirEntry, EntryType, Snapshot, list};
use crate::sync::lock;
use crate::{Error, ErrorKind, ObjectId, Repository, Result};

/// After how many changes they are made visible.
const BATCH: u64 = 100_000;
/// Into how many parts the names are divided, so that threads seldom wait for each other.
const SHARDS: usize = 16;

/// Contents that snapshots need: of each name no more than 16 bytes.
#[derive(Default)]
pub(crate) struct Used {
    contents: [Mutex<HashSet<u128>>; SHARDS],
    /// Directories and lists that were gone through.
    objects: Mutex<HashSet<ObjectId>>,
}

impl Used {
    /// Goes through all snapshots. One that cannot be read ends it: what it needs is not known.
    pub(crate) fn of(repository: &Repository, crew: &Crew) -> Result<Self> {
        repository.refresh()?;
        let manifests = Manifests::load(repository)?;
        let snapshots: Vec<Snapshot> =
            manifests.find(&[(TYPE, "snapshot")]).map(Snapshot::read).collect::<Result<_>>()?;
        let (used, roots) = (Self::default(), snapshots.into_iter().map(|snapshot| snapshot.root));
        crew.map(&roots.collect::<Vec<_>>(), |root| used.add(repository, crew, root))?;
        Ok(used)
    }

    /// Goes through the tree below an entry.
    pub(crate) fn add(&self, repository: &Repository, crew: &Crew, entry: &DirEntry) -> Result<()> {
        let Some(object) = entry.object else {
            let is_needed = entry.kind == EntryType::Directory;
            let lost =
                || Error::corrupt(String::from_utf8_lossy(&entry.name), "is a directory without a listing");
            return if is_needed { Err(lost()) } else { Ok(()) };
        };
        let is_direct = object.content().prefix().is_none();
        if !is_direct && !lock(&self.objects).insert(object) {
            return Ok(());
        }
        contents_of(repository, object, &mut |content| self.insert(repository, content))?;
        if entry.kind != EntryType::Directory {
            return Ok(());
        }
        let mut below = Vec::new();
        list(repository, entry, &mut |child| match child.kind {
            EntryType::Directory => {
                below.push(DirEntry { summary: None, ..child });
                Ok(())
            }
            _ => self.add(repository, crew, &child),
        })?;
        crew.map(&below, |child| self.add(repository, crew, child)).map(drop)
    }

    fn insert(&self, repository: &Repository, content: &ContentId) -> Result<()> {
        let key = key_of(content);
        if lock(&self.contents[shard_of(key)]).insert(key) && repository.place(content)?.is_none() {
            return Err(Error::new(
                ErrorKind::NotFound,
                content.to_string(),
                "is needed by a snapshot and is lost",
            ));
        }
        Ok(())
    }

    /// Whether a snapshot needs it.
    pub(crate) fn has(&self, content: &ContentId) -> bool {
        let key = key_of(content);
        lock(&self.contents[shard_of(key)]).contains(&key)
    }
}

/// The letter and 15 bytes of a hash that nobody can choose.
fn key_of(content: &ContentId) -> u128 {
    content.key().0.first_chunk().copied().map_or(0, u128::from_be_bytes)
}

fn shard_of(key: u128) -> usize {
    (key % SHARDS as u128) as usize
}

impl Run<'_> {
    /// Marks what no snapshot needs as deleted, and takes that back where one does.
    pub(super) fn collect(&mut self) -> Result<()> {
        let repository = self.repository().clone();
        // what is written from here on is not looked at
        let indexes = repository.indexes();
        let used = Used::of(&repository, &self.crew)?;
        let writer = self.maintainer.writer()?;
        let (age_min, started) = (self.safety().content_age_min, self.started);
        let is_old = |entry: &Entry| {
            started.seconds().saturating_sub(entry.time)
                >= i64::try_from(age_min.as_secs()).unwrap_or(i64::MAX)
        };
        let (mut deleted, mut recovered) = (0, 0);
        indexes.entries(None, &mut |entry| {
            match (used.has(&entry.id), entry.is_deleted) {
                _ if entry.id.prefix() == Some(Prefix::MANIFEST) => return Ok(()),
                (true, true) => {
                    writer.rewrite(&entry)?;
                    recovered += 1;
                }
                (false, false) if is_old(&entry) => {
                    writer.mark_deleted(&entry);
                    deleted += 1;
                }
                _ => return Ok(()),
            }
            if (deleted + recovered) % BATCH == 0 { writer.flush() } else { Ok(()) }
        })?;
        writer.flush()?;
        self.report.contents_deleted = deleted;
        self.report.contents_recovered = recovered;
        Ok(())
    }
}
