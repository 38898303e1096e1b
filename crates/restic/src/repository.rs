//! An open repository: its indexes in memory, and its blobs as they are asked for, each compared with its name.

use std::fmt;

use kopia::content::{Contents, Entry, Prefix};
use kopia::restore::{Found, Tree};
use kopia::snapshot::{DirEntry, EntryType};
use kopia::{ContentId, ObjectId};
use serde::Deserialize;

use crate::ahead::Ahead;
use crate::crypto::Key;
use crate::files::part;
use crate::index::{Index, Kind, Place};
use crate::unpacked::decompress;
use crate::{
    Error, ErrorKind, Files, Id, Result, Snapshot, corrupt, keys, pack, snapshot, too_large, tree, unpacked,
};

/// The file of the configuration.
const CONFIG: &str = "config";
/// The most bytes of it.
const CONFIG_LENGTH_MAX: usize = 64 << 10;
/// The versions of the format that are read.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=2;
/// The most bytes of a blob of files: restic cuts them at 8 MiB.
const DATA_LENGTH_MAX: usize = 64 << 20;
/// The most bytes of a directory: more than a million entries.
const TREE_LENGTH_MAX: usize = 512 << 20;

/// The configuration.
#[derive(Deserialize)]
struct Config {
    version: u32,
    id: String,
}

/// A repository that is open for reading. It may be shared among threads.
pub struct Repository {
    files: Box<dyn Files>,
    key: Key,
    id: String,
    version: u32,
    index: Index,
    /// Trees that have been fetched with others.
    ahead: Ahead,
}

impl Repository {
    /// Opens a repository. What is written meanwhile is not seen.
    pub fn open(files: Box<dyn Files>, password: &str) -> Result<Self> {
        let key = keys::open(&*files, password)?;
        Self::with_key(files, key)
    }

    pub(crate) fn with_key(files: Box<dyn Files>, key: Key) -> Result<Self> {
        let config = key.open(&CONFIG, files.get(CONFIG, CONFIG_LENGTH_MAX)?)?;
        let Config { version, id } = unpacked::parse(CONFIG, "configuration", &config)?;
        if !VERSIONS.contains(&version) {
            let reason = format!("is version {version} of the format, {VERSIONS:?} are read");
            return Err(Error::new(ErrorKind::Unsupported, CONFIG, reason));
        }
        let index = Index::load(&*files, &key)?;
        Ok(Self { files, key, id, version, index, ahead: Ahead::default() })
    }

    /// The number that it was given when it was made.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The version of its format.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// All snapshots, by time.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>> {
        snapshot::list(&*self.files, &self.key)
    }

    /// The snapshot whose name begins so.
    pub fn snapshot(&self, name: &str) -> Result<Snapshot> {
        snapshot::find(&*self.files, &self.key, name)
    }

    /// The root of a snapshot's tree: of it nothing is stored but what is in it.
    pub fn root(&self, snapshot: &Snapshot) -> DirEntry {
        let object = tree::object_of_tree(snapshot.tree);
        DirEntry { kind: EntryType::Directory, object, ..DirEntry::default() }
    }

    pub(crate) fn files(&self) -> &dyn Files {
        &*self.files
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    fn blob(&self, kind: Kind, id: &Id) -> Result<Vec<u8>> {
        let place = self.place_of(kind, id)?;
        let ahead = || self.ahead.slice(&*self.files, &self.index, &place);
        if let Some(sealed) = Some(kind).filter(|kind| *kind == Kind::Tree).and_then(|_| ahead()) {
            return self.unpack(&place, sealed);
        }
        let pack = pack::path(self.index.pack(place.pack));
        let sealed = part(&*self.files, &pack, place.offset.into(), place.packed_length as usize)?;
        self.unpack(&place, sealed)
    }

    fn place_of(&self, kind: Kind, id: &Id) -> Result<Place> {
        let absent = || Error::new(ErrorKind::NotFound, id.to_string(), "is in no index");
        let place = *self.index.find(kind, id).ok_or_else(absent)?;
        Self::check_length(&place).map(|()| place)
    }

    /// Refuses blobs that are longer than any that restic writes.
    pub(crate) fn check_length(place: &Place) -> Result<()> {
        let limit = match place.kind {
            Kind::Data => DATA_LENGTH_MAX,
            Kind::Tree => TREE_LENGTH_MAX,
        };
        let length = place.length().max(place.packed_length);
        if length as usize > limit { Err(too_large(place.id, length.into(), limit)) } else { Ok(()) }
    }

    /// What a pack holds of a blob, opened and compared with its name.
    pub(crate) fn unpack(&self, place: &Place, sealed: Vec<u8>) -> Result<Vec<u8>> {
        let subject = format!("{} in {}", place.id, pack::path(self.index.pack(place.pack)));
        let opened = self.key.open(&subject, sealed)?;
        let data = match place.compressed_from {
            None => opened,
            Some(length) => decompress(&subject, &opened, length as usize)?,
        };
        if Id::of(&data) != place.id {
            return Err(corrupt(subject, "does not hold what its name says"));
        }
        Ok(data)
    }

    fn place_of_content(&self, content: &ContentId) -> Result<Place> {
        let kind = match content.prefix() {
            None => Kind::Data,
            Some(Prefix::DIRECTORY) => Kind::Tree,
            Some(_) => return Err(Error::new(ErrorKind::Invalid, content.to_string(), "names no blob")),
        };
        self.place_of(kind, &Id::of_content(content)?)
    }

    fn entry(&self, content: &ContentId, place: &Place) -> Entry {
        Entry {
            id: *content,
            time: 0,
            is_deleted: false,
            pack: self.index.pack(place.pack).clone(),
            offset: place.offset,
            packed_length: place.packed_length,
            length: place.length(),
            compression: 0,
            format_version: 0,
            key: 0,
        }
    }

    /// The bytes of a pack from the first of some blobs to the end of the last, and where they begin.
    fn fetch_run(&self, entries: &[Entry]) -> Option<(u64, Vec<u8>)> {
        let first = entries.first()?;
        let end = |entry: &Entry| u64::from(entry.offset) + u64::from(entry.packed_length);
        let start = entries.iter().map(|entry| u64::from(entry.offset)).min()?;
        let length = usize::try_from(entries.iter().map(end).max()? - start).ok()?;
        let bytes = self.files.get_range(&pack::path(&first.pack), start, length).ok()?;
        Some((start, bytes))
    }
}

impl Contents for Repository {
    fn content(&self, id: &ContentId) -> Result<Vec<u8>> {
        let place = self.place_of_content(id)?;
        self.blob(place.kind, &place.id)
    }

    fn place(&self, id: &ContentId) -> Result<Option<Entry>> {
        self.place_of_content(id).map(|place| Some(self.entry(id, &place)))
    }

    fn run(&self, entries: &[Entry], visit: &mut dyn FnMut(usize, Result<Vec<u8>>)) {
        let fetched = self.fetch_run(entries);
        for (number, entry) in entries.iter().enumerate() {
            let sealed = fetched.as_ref().and_then(|(start, bytes)| {
                let at = usize::try_from(u64::from(entry.offset).checked_sub(*start)?).ok()?;
                bytes.get(at..at + entry.packed_length as usize)
            });
            // what cannot be fetched at once is fetched alone: then it is told what is wrong with it
            let data = match sealed {
                Some(sealed) => {
                    self.place_of_content(&entry.id).and_then(|place| self.unpack(&place, sealed.to_vec()))
                }
                None => self.content(&entry.id),
            };
            visit(number, data);
        }
    }
}

impl Tree for Repository {
    fn list(&self, directory: &DirEntry, visit: &mut dyn FnMut(Found) -> Result<()>) -> Result<()> {
        let name = || String::from_utf8_lossy(&directory.name).into_owned();
        if directory.kind != EntryType::Directory {
            return Err(Error::new(ErrorKind::Invalid, name(), "is no directory"));
        }
        let object = directory.object.ok_or_else(|| corrupt(name(), "has no tree"))?;
        let id = Id::of_content(ObjectId::content(&object))?;
        tree::read(&id, &self.blob(Kind::Tree, &id)?, visit)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
