//! Indexes: sorted tables of where contents are. Version 2 is written; version 1, of the oldest repositories, is read.

mod v1;
mod v2;

#[cfg(test)]
mod tests;

use super::{ContentId, Entry, Prefix};
use crate::{Error, Result};

/// The most contents of one index; more are spread over several.
const ENTRIES_MAX: usize = 16_000_000;

/// An index in memory, as it is stored: an entry is unpacked when it is asked for.
#[derive(Debug)]
pub(crate) struct Index {
    name: String,
    bytes: Vec<u8>,
    layout: Layout,
}

#[derive(Debug)]
enum Layout {
    V1(v1::Layout),
    V2(v2::Layout),
}

/// Where in an index the keys are: sorted, at equal distances.
#[derive(Debug, Clone, Copy)]
struct Keys {
    start: usize,
    length: usize,
    stride: usize,
    count: usize,
}

impl Keys {
    /// Key and entry of a place.
    fn row<'a>(&self, bytes: &'a [u8], place: usize) -> Option<(&'a [u8], &'a [u8])> {
        let start = self.start + place.checked_mul(self.stride)?;
        bytes.get(start..start + self.stride)?.split_at_checked(self.length)
    }

    /// The rows, if the bytes hold as many as are said.
    fn check(self, bytes: &[u8]) -> Option<Self> {
        let end = self.stride.checked_mul(self.count)?.checked_add(self.start)?;
        (self.length > 1 && self.stride <= 256 && end <= bytes.len()).then_some(self)
    }
}

impl Index {
    /// Reads an index; `name` is for errors. Bytes behind its end are ignored.
    pub(crate) fn parse(name: &str, bytes: Vec<u8>) -> Result<Self> {
        let layout = match bytes.first() {
            Some(1) => v1::Layout::parse(&bytes).map(Layout::V1),
            Some(2) => v2::Layout::parse(&bytes).map(Layout::V2),
            Some(version) => {
                return Err(Error::unsupported(name, format!("index version {version} is not known")));
            }
            None => None,
        };
        let layout = layout.ok_or_else(|| Error::corrupt(name, "the index is damaged or cut off"))?;
        Ok(Self { name: name.to_owned(), bytes, layout })
    }

    fn keys(&self) -> Keys {
        match &self.layout {
            Layout::V1(layout) => layout.keys,
            Layout::V2(layout) => layout.keys,
        }
    }

    /// How many entries it has.
    pub(crate) fn len(&self) -> usize {
        self.keys().count
    }

    /// The entry of a content.
    pub(crate) fn get(&self, id: &ContentId) -> Result<Option<Entry>> {
        let keys = self.keys();
        let (key, length) = id.key();
        if keys.length != length {
            return Ok(None);
        }
        let (mut low, mut high) = (0, keys.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match keys.row(&self.bytes, middle).map(|(at, _)| at.cmp(&key[..length])) {
                Some(std::cmp::Ordering::Less) => low = middle + 1,
                Some(std::cmp::Ordering::Greater) => high = middle,
                _ => return self.entry(middle).map(Some),
            }
        }
        Ok(None)
    }

    /// The place of the first entry with a prefix, or behind it.
    pub(crate) fn start_of(&self, prefix: Prefix) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.id(middle) {
                Some(id) if id.prefix() < Some(prefix) => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// The name of the content at a place, for sorting.
    pub(crate) fn id(&self, place: usize) -> Option<ContentId> {
        self.keys().row(&self.bytes, place).and_then(|(key, _)| ContentId::from_key(key))
    }

    /// The entry at a place.
    pub(crate) fn entry(&self, place: usize) -> Result<Entry> {
        let unpack = || {
            let (key, row) = self.keys().row(&self.bytes, place)?;
            let id = ContentId::from_key(key)?;
            match &self.layout {
                Layout::V1(layout) => layout.entry(&self.bytes, id, row),
                Layout::V2(layout) => layout.entry(id, row),
            }
        };
        unpack().ok_or_else(|| Error::corrupt(&self.name, format!("entry {place} of the index is damaged")))
    }

    /// All entries, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<Entry>> + '_ {
        (0..self.len()).map(|place| self.entry(place))
    }
}

/// The indexes of some entries, sorted and without duplicates: one, or several if there are very many.
pub(crate) fn build(entries: &[Entry]) -> Result<Vec<Vec<u8>>> {
    shards(entries, ENTRIES_MAX).iter().map(|shard| v2::build(shard)).collect()
}

/// Entries, spread by their names over as few parts as hold so many each on average.
fn shards(entries: &[Entry], max: usize) -> Vec<Vec<&Entry>> {
    let count = entries.len().div_ceil(max).max(1);
    let mut shards = vec![Vec::new(); count];
    for entry in entries {
        let shard = if count == 1 { 0 } else { fnv1a(entry.id.to_string().as_bytes()) as usize % count };
        shards[shard].push(entry);
    }
    shards.retain(|shard| !shard.is_empty());
    shards
}

fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The number in so many bytes, highest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The bytes at a place that is given as number in the file.
pub(crate) fn slice(bytes: &[u8], start: u64, length: usize) -> Option<&[u8]> {
    let start = usize::try_from(start).ok()?;
    bytes.get(start..start.checked_add(length)?)
}
