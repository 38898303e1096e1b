//! Where blobs are: what all index files say, in one table.

use std::sync::Arc;

use serde::Deserialize;

use crate::crypto::{Key, OVERHEAD};
use crate::unpacked::{document, parse};
use crate::{Error, ErrorKind, Files, Id, Result, corrupt};

/// The folder of the indexes.
const FOLDER: &str = "index";
/// The most blobs of a repository: each takes 56 bytes of memory.
const BLOBS_MAX: usize = 20_000_000;

/// What a blob holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Bytes of files.
    Data,
    /// A directory.
    Tree,
}

/// Where a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) id: Id,
    /// Which of the packs holds it.
    pub(crate) pack: u32,
    pub(crate) offset: u32,
    /// How many bytes it has in there.
    pub(crate) packed_length: u32,
    /// How many bytes it has in the open, if it is compressed.
    pub(crate) compressed_from: Option<u32>,
}

impl Place {
    /// How many bytes it has in the open.
    pub(crate) fn length(&self) -> u32 {
        self.compressed_from.unwrap_or_else(|| self.packed_length.saturating_sub(OVERHEAD as u32))
    }
}

/// Where all blobs are.
#[derive(Debug, Default)]
pub(crate) struct Index {
    packs: Vec<Arc<str>>,
    /// Where the last blob of each ends.
    ends: Vec<u64>,
    /// By kind and name, each once.
    places: Vec<Place>,
}

/// An index file. What it says it supersedes is gone by the time that it is read.
#[derive(Deserialize)]
struct Document {
    packs: Vec<Pack>,
}

#[derive(Deserialize)]
struct Pack {
    id: Id,
    blobs: Vec<Blob>,
}

#[derive(Deserialize)]
struct Blob {
    id: Id,
    #[serde(rename = "type")]
    kind: Kind,
    offset: u32,
    length: u32,
    #[serde(default)]
    uncompressed_length: u32,
}

impl Index {
    /// Reads all index files.
    pub(crate) fn load(files: &dyn Files, key: &Key) -> Result<Self> {
        let mut listed = files.list(FOLDER)?;
        listed.sort();
        let mut index = Self::default();
        for file in listed {
            let path = format!("{FOLDER}/{}", file.name);
            index.add_document(&path, &document(files, key, &path)?)?;
        }
        index.sort();
        Ok(index)
    }

    /// Adds what a file says; then [`sort`](Self::sort) has to be called.
    pub(crate) fn add_document(&mut self, path: &str, document: &[u8]) -> Result<()> {
        let read: Document = parse(path, "index", document)?;
        read.packs.iter().try_for_each(|pack| self.add(path, pack))
    }

    /// Makes what was added findable.
    pub(crate) fn sort(&mut self) {
        self.places.sort_unstable();
        self.places.dedup_by(|next, kept| (next.kind, next.id) == (kept.kind, kept.id));
    }

    fn add(&mut self, path: &str, pack: &Pack) -> Result<()> {
        if self.places.len() + pack.blobs.len() > BLOBS_MAX {
            let reason = format!("there are more than {BLOBS_MAX} blobs");
            return Err(Error::new(ErrorKind::TooLarge, FOLDER, reason));
        }
        let number = u32::try_from(self.packs.len()).map_err(|_| corrupt(path, "names too many packs"))?;
        self.packs.push(pack.id.to_string().into());
        let end = |blob: &Blob| u64::from(blob.offset) + u64::from(blob.length);
        self.ends.push(pack.blobs.iter().map(end).max().unwrap_or_default());
        self.places.extend(pack.blobs.iter().map(|blob| Place {
            kind: blob.kind,
            id: blob.id,
            pack: number,
            offset: blob.offset,
            packed_length: blob.length,
            compressed_from: Some(blob.uncompressed_length).filter(|length| *length > 0),
        }));
        Ok(())
    }

    /// Where a blob is.
    pub(crate) fn find(&self, kind: Kind, id: &Id) -> Option<&Place> {
        let found = self.places.binary_search_by(|place| (place.kind, &place.id).cmp(&(kind, id)));
        found.ok().and_then(|number| self.places.get(number))
    }

    /// The name of a pack.
    pub(crate) fn pack(&self, number: u32) -> &Arc<str> {
        &self.packs[number as usize]
    }

    /// Where the last blob of a pack ends.
    pub(crate) fn end(&self, pack: u32) -> u64 {
        self.ends[pack as usize]
    }

    /// Where all blobs are, pack by pack, in the order in which they lie there.
    pub(crate) fn by_pack(&self) -> Vec<Place> {
        let mut places = self.places.clone();
        places.sort_unstable_by_key(|place| (place.pack, place.offset));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_found_by_kind_and_name() {
        let id = |byte| Id([byte; 32]);
        let place = |kind, byte, pack| Place {
            kind,
            id: id(byte),
            pack,
            offset: 0,
            packed_length: 40,
            compressed_from: None,
        };
        let places = vec![place(Kind::Data, 1, 0), place(Kind::Data, 2, 1), place(Kind::Tree, 1, 0)];
        let index = Index { packs: vec!["a".into(), "b".into()], ends: vec![40, 40], places };
        assert_eq!(index.find(Kind::Data, &id(2)).unwrap().pack, 1);
        assert_eq!(index.find(Kind::Tree, &id(1)).unwrap().kind, Kind::Tree);
        assert_eq!(index.find(Kind::Tree, &id(2)), None);
        assert_eq!(index.by_pack().last().unwrap().id, id(2));
        assert_eq!(place(Kind::Data, 1, 0).length(), 8);
        assert_eq!(Place { compressed_from: Some(99), ..place(Kind::Data, 1, 0) }.length(), 99);
        assert!(size_of::<Place>() <= 56);
    }
}
