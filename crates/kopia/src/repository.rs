//! An open repository: its format, its indexes in memory, and its contents as they are asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use crate::cache::PackCache;
use crate::content::table::Crypto;
use crate::content::{ContentId, Contents, Entry, Prefix};
use crate::index_set::publish::Written;
use crate::index_set::{IndexSet, Listed};
use crate::manifest::{self, Manifest};
use crate::parallel::{self, both};
use crate::random::Random;
use crate::sync::{lock, read, write};
use crate::{Error, ErrorKind, Format, Result, Storage, Time, compression};

/// How many contents of manifests are fetched at once.
const FETCHES: usize = 8;
/// How old the format and the indexes in memory may become while somebody writes.
const AGE_MAX: Duration = Duration::from_mins(15);

/// A repository that is open. It may be shared among threads.
pub struct Repository {
    storage: Arc<dyn Storage>,
    random: Arc<dyn Random>,
    crypto: Crypto,
    metadata: PackCache,
    /// What contents of manifests hold that have been read: they are asked for again and again.
    manifests: Mutex<HashMap<ContentId, Arc<Vec<Manifest>>>>,
    seen: RwLock<Seen>,
    /// Held while the indexes are read again, so that many who miss the same content list once.
    refreshing: Mutex<()>,
}

/// What was read of the repository, and when.
struct Seen {
    format: Arc<Format>,
    indexes: Arc<IndexSet>,
    at: Time,
}

impl Repository {
    /// Opens the repository of a store.
    pub fn open(storage: Arc<dyn Storage>, random: Arc<dyn Random>, password: &str) -> Result<Self> {
        let at = storage.now();
        // the key is derived meanwhile, which takes as long as a few answers
        let (listed, format) = both(|| Listed::of(&*storage), || Format::open(&*storage, password));
        let (format, listed) = (format?, listed?);
        Self::with_format(storage, random, format, Some(listed), at)
    }

    /// Opens a repository whose format was read at that time.
    pub(crate) fn with_format(
        storage: Arc<dyn Storage>,
        random: Arc<dyn Random>,
        format: Format,
        listed: Option<Listed>,
        at: Time,
    ) -> Result<Self> {
        let crypto = Crypto { hasher: format.hasher()?, encryptor: format.encryptor()? };
        let indexes = IndexSet::default().refreshed(listed, &*storage, &format, &crypto)?;
        let seen = Seen { format: Arc::new(format), indexes: Arc::new(indexes), at };
        Ok(Self {
            storage,
            random,
            crypto,
            metadata: PackCache::default(),
            manifests: Mutex::default(),
            seen: RwLock::new(seen),
            refreshing: Mutex::new(()),
        })
    }

    /// Its format, as it was last read.
    pub fn format(&self) -> Arc<Format> {
        Arc::clone(&read(&self.seen).format)
    }

    /// Where it is kept.
    pub fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.random
    }

    pub(crate) fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    /// Reads format and indexes again: what others have written since is seen, and whether somebody upgrades the repository.
    pub fn refresh(&self) -> Result<()> {
        let _turn = lock(&self.refreshing);
        self.refresh_in_turn()
    }

    /// The same if it is a quarter of an hour ago.
    pub(crate) fn refresh_if_old(&self) -> Result<()> {
        let is_old = || self.storage.now().since(read(&self.seen).at) >= AGE_MAX;
        if !is_old() {
            return Ok(());
        }
        let _turn = lock(&self.refreshing);
        if is_old() { self.refresh_in_turn() } else { Ok(()) }
    }

    fn refresh_in_turn(&self) -> Result<()> {
        let at = self.storage.now();
        let (listed, format) = both(|| Listed::of(&*self.storage), || self.format().reopen(&*self.storage));
        let (format, listed) = (format?, Some(listed?));
        let indexes = self.indexes().refreshed(listed, &*self.storage, &format, &self.crypto)?;
        *write(&self.seen) = Seen { format: Arc::new(format), indexes: Arc::new(indexes), at };
        Ok(())
    }

    /// Takes note of indexes that have been written, and of what others have written before that.
    pub(crate) fn has_written(&self, written: Written) -> Result<()> {
        let _turn = lock(&self.refreshing);
        match self.indexes().with(written, &*self.storage, &self.crypto) {
            // compacted since the list was made
            Err(error) if error.kind() == ErrorKind::NotFound => self.refresh_in_turn(),
            indexes => {
                write(&self.seen).indexes = Arc::new(indexes?);
                Ok(())
            }
        }
    }

    pub(crate) fn indexes(&self) -> Arc<IndexSet> {
        Arc::clone(&read(&self.seen).indexes)
    }

    /// Where a content is. One that is deleted is there until maintenance makes that final.
    pub fn lookup(&self, id: &ContentId) -> Result<Option<Entry>> {
        self.indexes().lookup(id)
    }

    /// Shows the entries of all contents by name, deleted ones too.
    pub fn entries(&self, visit: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
        self.indexes().entries(None, visit)
    }

    /// The same of contents with a prefix.
    pub fn entries_of(&self, prefix: Prefix, visit: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
        self.indexes().entries(Some(prefix), visit)
    }

    /// Reads a content and compares what it holds with its name.
    pub fn verify(&self, id: &ContentId) -> Result<Vec<u8>> {
        self.content(id).and_then(|data| self.checked(id, data))
    }

    /// What a content holds, if its name says so.
    fn checked(&self, id: &ContentId, data: Vec<u8>) -> Result<Vec<u8>> {
        if self.crypto.hasher.hash(&data) != *id.hash() {
            return Err(Error::corrupt(id, "does not hold what its name says"));
        }
        Ok(data)
    }

    /// The manifests in contents; of what has not been read yet they are fetched, and nothing else is remembered.
    pub(crate) fn manifests(&self, ids: &[ContentId]) -> Result<Vec<Arc<Vec<Manifest>>>> {
        let known = lock(&self.manifests).clone();
        let read = parallel::map(ids, FETCHES, |id| match known.get(id) {
            Some(manifests) => Ok(Arc::clone(manifests)),
            None => Ok(Arc::new(manifest::parse(id, &self.content(id)?)?)),
        })?;
        *lock(&self.manifests) = ids.iter().copied().zip(read.iter().cloned()).collect();
        Ok(read)
    }

    /// The bytes of a pack from the first of some contents to the end of the last, and where they begin.
    fn fetch_run(&self, entries: &[Entry]) -> Option<(u32, Vec<u8>)> {
        let first = entries.first()?;
        let start = entries.iter().map(|entry| entry.offset).min()?;
        let end =
            entries.iter().map(|entry| u64::from(entry.offset) + u64::from(entry.packed_length)).max()?;
        let length = usize::try_from(end - u64::from(start)).ok()?;
        let bytes = self.storage.get_range(&first.pack, start.into(), length).ok()?;
        Some((start, bytes))
    }

    /// The name of a content that holds these bytes.
    pub fn id_of(&self, prefix: Option<Prefix>, data: &[u8]) -> ContentId {
        ContentId::new(prefix, self.crypto.hasher.hash(data))
    }

    /// Reads what a pack in the store holds of a content.
    pub(crate) fn read(&self, entry: &Entry) -> Result<Vec<u8>> {
        if entry.id.prefix().is_some()
            && let Some(sealed) = self.metadata.slice(&*self.storage, entry)?
        {
            return self.unpack(entry, sealed);
        }
        let sealed = self.storage.get_range(&entry.pack, entry.offset.into(), entry.packed_length as usize);
        let damaged = |error: Error| match error.kind() {
            ErrorKind::InvalidRange => Error::corrupt(&entry.pack, "is cut off").caused_by(error),
            _ => error,
        };
        self.unpack(entry, sealed.map_err(damaged)?)
    }

    /// Decrypts and decompresses what a pack holds of a content.
    pub(crate) fn unpack(&self, entry: &Entry, sealed: Vec<u8>) -> Result<Vec<u8>> {
        let subject = format_args!("{} in {}", entry.id, entry.pack).to_string();
        if entry.key != 0 {
            return Err(Error::unsupported(subject, format!("is encrypted with key {}", entry.key)));
        }
        let length = entry.length as usize;
        let opened = self.crypto.encryptor.open(&subject, entry.id.iv(), sealed)?;
        let data = match entry.compression {
            0 => opened,
            id => compression::decompress(&subject, id, &opened, length)?,
        };
        if data.len() != length {
            return Err(Error::corrupt(subject, format!("has {} bytes, {length} were expected", data.len())));
        }
        Ok(data)
    }
}

impl Contents for Repository {
    fn content(&self, id: &ContentId) -> Result<Vec<u8>> {
        let find = || {
            let absent = || Error::new(ErrorKind::NotFound, id.to_string(), "there is no such content");
            self.lookup(id)?.ok_or_else(absent)
        };
        match find().and_then(|entry| self.read(&entry)) {
            // written since the indexes were read, or moved to another pack by maintenance
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.refresh()?;
                self.read(&find()?)
            }
            outcome => outcome,
        }
    }

    fn place(&self, id: &ContentId) -> Result<Option<Entry>> {
        self.lookup(id)
    }

    fn run(&self, entries: &[Entry], visit: &mut dyn FnMut(usize, Result<Vec<u8>>)) {
        let fetched = self.fetch_run(entries);
        for (number, entry) in entries.iter().enumerate() {
            let sealed = fetched.as_ref().and_then(|(start, bytes)| {
                let at = entry.offset.checked_sub(*start)? as usize;
                bytes.get(at..at + entry.packed_length as usize)
            });
            // what cannot be fetched at once is fetched alone: then it is told what is wrong with it
            visit(
                number,
                match sealed {
                    Some(sealed) => self.unpack(entry, sealed.to_vec()),
                    None => self.content(&entry.id),
                },
            );
        }
    }
}

/// The contents of a repository, each compared with its name as it is read.
#[derive(Debug)]
pub struct Verified<'a>(pub &'a Repository);

impl Contents for Verified<'_> {
    fn content(&self, id: &ContentId) -> Result<Vec<u8>> {
        self.0.verify(id)
    }

    fn place(&self, id: &ContentId) -> Result<Option<Entry>> {
        self.0.lookup(id)
    }

    fn run(&self, entries: &[Entry], visit: &mut dyn FnMut(usize, Result<Vec<u8>>)) {
        self.0.run(entries, &mut |number, data| {
            visit(number, data.and_then(|data| self.0.checked(&entries[number].id, data)));
        });
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("format", &self.format()).finish_non_exhaustive()
    }
}
