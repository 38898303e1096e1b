//! A session of writing: contents go into packs, packs into the store, and a flush makes all of it visible at once.
//!
//! The order is what keeps readers and maintenance right: a mark of the session, the packs, the index, and then the mark goes. A writer that
//! dies leaves packs that nothing refers to, which maintenance takes away.

mod pending;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, RwLock, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use pending::{Maker, Pending, Unsent};

use crate::compression::Compression;
use crate::content::pack::Kind;
use crate::content::session::{Marker, SessionId};
use crate::content::{ContentId, Contents, Entry, Prefix, after};
use crate::index_set::IndexSet;
use crate::index_set::publish::Publisher;
use crate::storage::Put;
use crate::sync::{lock, read, wait, write};
use crate::{Error, ErrorKind, Repository, Result, parallel};

/// How far the clocks of the store and of this machine may be apart: a writer that is late has its contents taken for old ones.
const SKEW_MAX: Duration = Duration::from_mins(5);
/// How old stored packs may be that no index tells of, before somebody looks whether they are there: maintenance takes them after a day.
const PACK_AGE_MAX: Duration = Duration::from_hours(12);
/// How many contents may be stored that no index tells of: more of them would fill the memory.
const ENTRIES_MAX: usize = 200_000;
/// How many packs a flush stores at once.
const SENDS: usize = 4;
/// Who is said to write unless somebody says otherwise; Velero writes as the same.
const DEFAULT_NAME: &str = "default";

/// How many packs are stored at once: one for each processor, since each takes its room in memory, and two at least.
fn unsent_max() -> usize {
    thread::available_parallelism().map_or(2, |processors| processors.get().clamp(2, 5))
}

/// A session of writing. It may be shared among threads, each of which stores the packs that it fills.
pub struct Writer {
    repository: Arc<Repository>,
    username: String,
    hostname: String,
    pending: Mutex<Pending>,
    /// How many packs are stored at once.
    unsent_max: usize,
    /// Told when a pack has been stored, or could not be.
    stored: Condvar,
    /// Taken by whoever adds something, and alone by a flush.
    gate: RwLock<()>,
}

impl Writer {
    /// Begins to write, as `default@default`.
    pub fn new(repository: Arc<Repository>) -> Result<Self> {
        Self::with_identity(repository, DEFAULT_NAME, DEFAULT_NAME)
    }

    /// Begins to write as somebody.
    pub fn with_identity(repository: Arc<Repository>, username: &str, hostname: &str) -> Result<Self> {
        repository.format().check_writable()?;
        Ok(Self {
            repository,
            username: username.to_owned(),
            hostname: hostname.to_owned(),
            pending: Mutex::default(),
            unsent_max: unsent_max(),
            stored: Condvar::new(),
            gate: RwLock::default(),
        })
    }

    /// The repository that it writes to.
    pub fn repository(&self) -> &Arc<Repository> {
        &self.repository
    }

    /// Writes a content, unless the repository has it; its name. After very many of them those are flushed.
    pub fn put(
        &self,
        prefix: Option<Prefix>,
        data: &[u8],
        compression: Option<Compression>,
    ) -> Result<ContentId> {
        let id = self.put_one(prefix, data, compression)?;
        if lock(&self.pending).len() >= ENTRIES_MAX {
            let gate = write(&self.gate);
            // unless somebody else just has
            if lock(&self.pending).len() >= ENTRIES_MAX {
                self.flush_alone(&gate)?;
            }
        }
        Ok(id)
    }

    fn put_one(
        &self,
        prefix: Option<Prefix>,
        data: &[u8],
        compression: Option<Compression>,
    ) -> Result<ContentId> {
        let _gate = read(&self.gate);
        self.repository.refresh_if_old()?;
        let id = self.repository.id_of(prefix, data);
        let before = self.entry(&id, IndexSet::last)?;
        if before.as_ref().is_some_and(|entry| !entry.is_deleted) {
            return Ok(id);
        }
        self.store(id, data, compression, before.map(|entry| entry.time))?;
        Ok(id)
    }

    /// Writes a content that is there once more, as it is: to be in another pack, or not to be deleted.
    pub(crate) fn rewrite(&self, entry: &Entry) -> Result<()> {
        let _gate = read(&self.gate);
        let data = self.repository.verify(&entry.id)?;
        self.store(entry.id, &data, Compression::with_id(entry.compression), Some(entry.time))
    }

    /// Takes note that a content is deleted, of which the index says this.
    pub(crate) fn mark_deleted(&self, entry: &Entry) {
        let _gate = read(&self.gate);
        lock(&self.pending).put_entry(entry.deleted_at(self.now()));
    }

    /// Writes a content that may have been there before.
    fn store(
        &self,
        id: ContentId,
        data: &[u8],
        compression: Option<Compression>,
        before: Option<i64>,
    ) -> Result<()> {
        self.repository.format().check_writable()?;
        self.send_left_over()?;
        let compressed = compression.map(|compression| compression.compress(data)).transpose()?.flatten();
        let compression = compressed.as_ref().and(compression).map_or(0, Compression::id);
        let too_long = |_| Error::invalid(id, "is too long for a content");
        let entry = Entry {
            id,
            time: after(self.now(), before),
            is_deleted: false,
            pack: Arc::from(""),
            offset: 0,
            packed_length: 0,
            length: u32::try_from(data.len()).map_err(too_long)?,
            compression,
            format_version: self.repository.format().version() as u8,
            key: 0,
        };
        match self.append(compressed.as_deref().unwrap_or(data), &entry)? {
            Some(full) => self.send(full),
            None => Ok(()),
        }
    }

    /// Adds a content to the pack of its kind; the pack if that has filled it. It is encrypted where it is to lie: a copy of it is as large as what many
    /// threads have in memory otherwise.
    fn append(&self, data: &[u8], entry: &Entry) -> Result<Option<Arc<Unsent>>> {
        let mut pending = lock(&self.pending);
        while pending.is_full(Kind::of(&entry.id), self.unsent_max) {
            pending = wait(&self.stored, pending);
        }
        let session = self.session(&mut pending)?;
        let maker = Maker {
            random: self.repository.random(),
            crypto: self.repository.crypto(),
            session: &session,
            pack_length: self.repository.format().pack_length() as usize,
        };
        pending.append(data, entry, &maker)
    }

    /// Deletes a content: it is not there any more for writers, and for readers once maintenance has made it final. Only for what can never be
    /// written again, such as manifests; all else is for maintenance to judge.
    pub fn delete(&self, id: &ContentId) -> Result<()> {
        let _gate = read(&self.gate);
        self.repository.refresh_if_old()?;
        let absent = || Error::new(ErrorKind::NotFound, id.to_string(), "there is no such content");
        let entry = self.entry(id, IndexSet::lookup)?.ok_or_else(absent)?;
        if !entry.is_deleted {
            lock(&self.pending).put_entry(entry.deleted_at(self.now()));
        }
        Ok(())
    }

    /// Makes visible what was written: as one, or, if this fails, not at all. After a failure call it again.
    pub fn flush(&self) -> Result<()> {
        self.flush_alone(&write(&self.gate))
    }

    fn flush_alone(&self, _gate: &RwLockWriteGuard<'_, ()>) -> Result<()> {
        let unsent = lock(&self.pending).close_all(self.repository.random(), self.repository.crypto())?;
        parallel::map(&unsent, SENDS, |unsent| self.send(Arc::clone(unsent)))?;
        let entries = lock(&self.pending).entries();
        if !entries.is_empty() {
            self.check_packs(&entries)?;
            let session = self.session(&mut lock(&self.pending))?;
            let format = self.repository.format();
            let publisher = Publisher {
                storage: self.repository.storage(),
                random: self.repository.random(),
                format: &format,
                crypto: self.repository.crypto(),
            };
            let known = self.repository.indexes().epochs().cloned();
            let written = publisher.publish(&entries, &session.to_string(), known)?;
            self.repository.has_written(written)?;
        }
        let done = std::mem::take(&mut *lock(&self.pending));
        done.marker.map_or(Ok(()), |marker| self.repository.storage().delete(&marker))
    }

    /// The session of the contents that are pending; begun with the first.
    fn session(&self, pending: &mut Pending) -> Result<SessionId> {
        if let Some(session) = &pending.session {
            return Ok(session.clone());
        }
        let storage = self.repository.storage();
        let now = storage.now();
        let session = SessionId::new(self.repository.random(), now)?;
        let marker = Marker {
            id: session.to_string(),
            started: now,
            seen: now,
            username: self.username.clone(),
            hostname: self.hostname.clone(),
        };
        let text =
            serde_json::to_vec(&marker).map_err(|error| Error::invalid("session", error.to_string()))?;
        let (name, sealed) = self.repository.crypto().seal_table(
            self.repository.random(),
            "s",
            &session.to_string(),
            &text,
        )?;
        storage.put(&name, &sealed, None)?;
        let there = storage.head(&name)?.modified;
        let skew = there.since(now).max(now.since(there));
        if skew > SKEW_MAX {
            storage.delete(&name)?;
            let reason =
                format!("the clock of the store and that of this machine are {} s apart", skew.as_secs());
            return Err(Error::new(ErrorKind::Clock, name, reason));
        }
        (pending.session, pending.marker) = (Some(session.clone()), Some(name));
        Ok(session)
    }

    /// Stores a pack; if that fails it stays in memory, and nothing is added before it has succeeded.
    fn send(&self, unsent: Arc<Unsent>) -> Result<()> {
        let storage = self.repository.storage();
        let retention = self.repository.format().retention_of(&unsent.name, storage.now());
        let how = Put { replace: true, retention };
        let stored = storage.store(&unsent.name, unsent.bytes.clone(), how);
        {
            let mut pending = lock(&self.pending);
            match &stored {
                Ok(()) => pending.sent(&unsent.name, storage.now()),
                Err(_) => unsent.fail(),
            }
        }
        // its bytes go before somebody begins another one
        drop(unsent);
        self.stored.notify_all();
        stored
    }

    /// A writer that was held up for long may find its packs collected: an index of them would tell of contents that are gone.
    fn check_packs(&self, entries: &[Entry]) -> Result<()> {
        let storage = self.repository.storage();
        let first = lock(&self.pending).first_sent;
        if first.is_none_or(|first| storage.now().since(first) < PACK_AGE_MAX) {
            return Ok(());
        }
        let packs: BTreeSet<&str> =
            entries.iter().filter(|entry| !entry.is_deleted).map(|entry| &*entry.pack).collect();
        packs.into_iter().try_for_each(|pack| storage.head(pack).map(drop))
    }

    fn send_left_over(&self) -> Result<()> {
        let failed = lock(&self.pending).take_failed();
        failed.into_iter().try_for_each(|unsent| self.send(unsent))
    }

    /// What is known of a content: what is pending goes before what is stored.
    fn entry(
        &self,
        id: &ContentId,
        stored: fn(&IndexSet, &ContentId) -> Result<Option<Entry>>,
    ) -> Result<Option<Entry>> {
        let pending = lock(&self.pending).entry(id).cloned();
        pending.map_or_else(|| stored(&self.repository.indexes(), id), |entry| Ok(Some(entry)))
    }

    fn now(&self) -> i64 {
        self.repository.storage().now().seconds()
    }
}

impl Contents for Writer {
    fn content(&self, id: &ContentId) -> Result<Vec<u8>> {
        let pending = lock(&self.pending).sealed(id);
        match pending {
            Some((entry, Some(sealed))) => self.repository.unpack(&entry, sealed),
            Some((entry, None)) => self.repository.read(&entry),
            None => self.repository.content(id),
        }
    }
}
