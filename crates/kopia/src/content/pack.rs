//! Packs: blobs of many contents back to back. At the end each has an index of its own, from which lost indexes can be made again.

use std::sync::Arc;

use bytes::Bytes;

use super::index::{self, Index};
use super::session::SessionId;
use super::table::Crypto;
use super::{ContentId, Entry};
use crate::random::{self, Random};
use crate::{Error, Result, Storage};

/// Random bytes before the first content.
const PREAMBLE: usize = 32;
/// What the end of the last content is rounded up to, with at least one random byte.
const ALIGNMENT: usize = 4096;
/// Random bytes behind the index.
const INDEX_TAIL: usize = 32;
/// The most bytes of what tells where the index is, and the byte of its length.
const POSTAMBLE_MAX: usize = 256;
/// How much of a pack's end is read to find its index.
const END_LENGTH: usize = 8192;
/// The most bytes of a pack's own index.
const INDEX_LENGTH_MAX: usize = 64 << 20;
/// How much room a pack takes, most of which is not memory before it is used: so much is given back to the system at once when it is freed, by the C
/// library of Linux; of less it keeps some.
const ROOM_MIN: usize = 33 << 20;
/// The version of what tells where the index is.
const POSTAMBLE_VERSION: u64 = 1;

/// What kind of contents a pack holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Metadata,
}

impl Kind {
    /// The kind of pack that a content goes into.
    pub(crate) fn of(id: &ContentId) -> Self {
        if id.prefix().is_some() { Self::Metadata } else { Self::Data }
    }

    fn letter(self) -> char {
        match self {
            Self::Data => 'p',
            Self::Metadata => 'q',
        }
    }
}

/// A pack that is being filled.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) name: Arc<str>,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Pack {
    pub(crate) fn new(random: &dyn Random, kind: Kind, session: &SessionId, length: usize) -> Result<Self> {
        let id: [u8; 16] = random::bytes(random)?;
        let name = format!("{}{}-{session}", kind.letter(), hex::encode(id)).into();
        let mut bytes = Vec::with_capacity(ROOM_MIN.max(length + END_LENGTH));
        append_random(random, &mut bytes, PREAMBLE)?;
        Ok(Self { name, bytes, entries: Vec::new() })
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a content, which `seal` writes encrypted behind what is there; `entry` tells all but its place. Its entry.
    pub(crate) fn append(
        &mut self,
        entry: &Entry,
        seal: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<Entry> {
        let start = self.bytes.len();
        let place = seal(&mut self.bytes).and_then(|()| {
            let too_long = |_| Error::invalid(entry.id, "is too long for a pack");
            Ok((
                u32::try_from(start).map_err(too_long)?,
                u32::try_from(self.bytes.len() - start).map_err(too_long)?,
            ))
        });
        let (offset, packed_length) = place.inspect_err(|_| self.bytes.truncate(start))?;
        let entry = Entry { pack: Arc::clone(&self.name), offset, packed_length, ..entry.clone() };
        self.entries.push(entry.clone());
        Ok(entry)
    }

    /// The encrypted bytes of one of its contents.
    pub(crate) fn slice(&self, entry: &Entry) -> Option<&[u8]> {
        slice(&self.bytes, entry)
    }

    /// Makes it a whole blob: padding, its own index, and where that is. If that fails it is as it was.
    pub(crate) fn finish(&mut self, random: &dyn Random, crypto: &Crypto) -> Result<()> {
        let mut end = Vec::new();
        append_random(random, &mut end, ALIGNMENT - self.bytes.len() % ALIGNMENT)?;
        let offset = self.bytes.len() + end.len();
        let mut entries = self.entries.clone();
        entries.sort_by_key(|entry| entry.id);
        let mut index = index::build(&entries)?.into_iter().next().unwrap_or_default();
        append_random(random, &mut index, INDEX_TAIL)?;
        let iv = crypto.hasher.hash(&index);
        let before = end.len();
        crypto.encryptor.seal_into(random, iv.as_bytes(), &index, &mut end)?;
        let place =
            Place { iv: iv.as_bytes().to_vec(), offset: offset as u64, length: (end.len() - before) as u64 };
        end.extend_from_slice(&place.to_bytes());
        self.bytes.append(&mut end);
        Ok(())
    }

    /// Its bytes; a whole blob if it is finished.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes.into()
    }
}

/// The encrypted bytes of a content in the pack that holds it.
pub(crate) fn slice<'a>(pack: &'a [u8], entry: &Entry) -> Option<&'a [u8]> {
    let start = entry.offset as usize;
    pack.get(start..start.checked_add(entry.packed_length as usize)?)
}

fn append_random(random: &dyn Random, bytes: &mut Vec<u8>, length: usize) -> Result<()> {
    let start = bytes.len();
    bytes.resize(start + length, 0);
    random.fill(&mut bytes[start..])
}

/// Where the index of a pack is, as its last bytes tell.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    iv: Vec<u8>,
    offset: u64,
    length: u64,
}

impl Place {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [POSTAMBLE_VERSION, self.iv.len() as u64] {
            append_varint(&mut bytes, number);
        }
        bytes.extend_from_slice(&self.iv);
        for number in [self.offset, self.length] {
            append_varint(&mut bytes, number);
        }
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes.push(bytes.len() as u8);
        bytes
    }

    /// Reads it from the end of a pack.
    fn parse(end: &[u8]) -> Option<Self> {
        let (length, before) = end.split_last()?;
        let postamble = &before[before.len().checked_sub(usize::from(*length))?..];
        let (mut fields, checksum) = postamble.split_last_chunk::<4>()?;
        if crc32fast::hash(fields) != u32::from_be_bytes(*checksum)
            || take_varint(&mut fields)? != POSTAMBLE_VERSION
        {
            return None;
        }
        let iv_length = usize::try_from(take_varint(&mut fields)?).ok()?;
        let (iv, mut fields) = fields.split_at_checked(iv_length)?;
        Some(Self { iv: iv.to_vec(), offset: take_varint(&mut fields)?, length: take_varint(&mut fields)? })
    }
}

fn append_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// The entries of a pack, from its own index: what the repository's indexes say of it, if they are lost.
pub fn local_index(storage: &dyn Storage, crypto: &crate::Format, name: &str) -> Result<Vec<Entry>> {
    let crypto = Crypto { hasher: crypto.hasher()?, encryptor: crypto.encryptor()? };
    entries_of(storage, &crypto, name)
}

/// The same, with the algorithms of the repository.
pub(crate) fn entries_of(storage: &dyn Storage, crypto: &Crypto, name: &str) -> Result<Vec<Entry>> {
    let corrupt = || Error::corrupt(name, "has no index of its own at its end: damaged or cut off");
    let size = storage.head(name)?.length;
    let length = END_LENGTH.min(usize::try_from(size).unwrap_or(END_LENGTH));
    let start = size - length as u64;
    let end = storage.get_range(name, start, length)?;
    let place = Place::parse(&end[end.len().saturating_sub(POSTAMBLE_MAX)..]).ok_or_else(corrupt)?;
    let sealed_length = usize::try_from(place.length).ok().filter(|length| *length <= INDEX_LENGTH_MAX);
    let sealed_length = sealed_length.ok_or_else(corrupt)?;
    let sealed = match place.offset.checked_sub(start) {
        Some(inside) => super::index::slice(&end, inside, sealed_length).ok_or_else(corrupt)?.to_vec(),
        None => storage.get_range(name, place.offset, sealed_length)?,
    };
    let index = crypto.encryptor.open(&name, &place.iv, sealed)?;
    Index::parse(name, index)?.entries().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::content::entry::tests::entry;
    use crate::format::tests::{of_kopia, synthetic};
    use crate::random::fake::Seeded;
    use crate::storage::Memory;
    use crate::{ErrorKind, Format};

    /// The end of a pack that kopia 0.22.3 wrote: its index and where it is.
    const END_OF_KOPIA: &str = "04377dd2f8c9167f388de419e7833dda708d6faaa1f154bea40a4a1d05a3c728741845f54d03ce875c75b5e1078ddccdf359b5bbcc88f03a9efe3b14da2f8b77\
        01652deb6b0cf22520e0505d2b1f764e615273408f0d3d20dfb160307549cb313832c88ce9194a05773fadea6a6d6498b8c91bb94b687bba518bd8d59857ae98\
        c5876cb899d4b724fda04ede8e8c892b460d181ae9e8ddfa873f3b90c4007d0ce4d53fd56a3d5c160e2fdd3776e4ea01100fd0efbd5f8d65f7b0afe5719f193d\
        048020af011be1c96c1a";

    #[test]
    fn the_last_bytes_are_kopias() {
        let place = Place { iv: (0..16).collect(), offset: 4096, length: 175 };
        let bytes = place.to_bytes();
        assert_eq!(hex::encode(&bytes), "0110000102030405060708090a0b0c0d0e0f8020af01fad66c5b1a");
        assert_eq!(Place::parse(&bytes), Some(place));
        for byte in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[byte] ^= 0x41;
            assert_eq!(Place::parse(&damaged), None, "{byte}");
            assert_eq!(Place::parse(&bytes[..byte]), None);
        }
        assert_eq!(take_varint(&mut &[0xff; 11][..]), None);
    }

    #[test]
    fn the_index_in_a_pack_of_kopias_is_read() {
        let storage = of_kopia();
        let name = "qc4d46b9fcb21eb9847b284d5917009f7-sc65c19030289bb23147";
        let pack = [vec![0; 4096], hex::decode(END_OF_KOPIA).unwrap()].concat();
        storage.put(name, &pack, None).unwrap();
        let format = Format::open(&storage, "test-pass").unwrap();
        let entries = local_index(&storage, &format, name).unwrap();
        let ids: Vec<String> = entries.iter().map(|entry| entry.id.to_string()).collect();
        assert_eq!(ids, ["m85745dab1d3cf49016556d8f7d5d7b6d"]);
        assert_eq!(&*entries[0].pack, name);
        assert_eq!((entries[0].offset, entries[0].packed_length, entries[0].length), (32, 0x2a3, 0x287));
    }

    fn filled(contents: usize) -> (Memory, Crypto, Pack, Vec<Entry>) {
        let (storage, crypto, random) = (Memory::default(), synthetic(), Seeded::new(4));
        let session: SessionId = "s0011223344556677148".parse().unwrap();
        let mut pack = Pack::new(&random, Kind::Metadata, &session, 0).unwrap();
        let append = |id: String| {
            let seal = |bytes: &mut Vec<u8>| {
                bytes.extend_from_slice(id.as_bytes());
                Ok(())
            };
            pack.append(&entry(&id, 1, ""), seal).unwrap()
        };
        let ids = (0..contents).rev().map(|index| format!("k{index:032x}"));
        let mut entries: Vec<Entry> = ids.map(append).collect();
        entries.sort_by_key(|entry| entry.id);
        pack.finish(&random, &crypto).unwrap();
        storage.put(&pack.name, &pack.bytes, None).unwrap();
        (storage, crypto, pack, entries)
    }

    #[test]
    fn a_pack_tells_what_is_in_it_however_much_it_is() {
        for contents in [1, 2, 124, 125, 1000] {
            let (storage, crypto, pack, entries) = filled(contents);
            assert!(pack.name.starts_with('q') && pack.name.ends_with("-s0011223344556677148"));
            assert_eq!(entries_of(&storage, &crypto, &pack.name).unwrap(), entries);
            for entry in &entries {
                assert_eq!(pack.slice(entry).unwrap(), entry.id.to_string().as_bytes());
                let place = storage.get_range(&pack.name, entry.offset.into(), entry.packed_length as usize);
                assert_eq!(place.unwrap(), entry.id.to_string().as_bytes());
            }
        }
    }

    #[test]
    fn damaged_ends_are_errors_that_name_the_pack() {
        let (storage, crypto, pack, _) = filled(3);
        let whole = storage.get(&pack.name, 1 << 20).unwrap();
        for length in 0..whole.len() {
            storage.put(&pack.name, &whole[..length], None).unwrap();
            let error = entries_of(&storage, &crypto, &pack.name).unwrap_err();
            assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, &*pack.name));
        }
        for byte in ALIGNMENT..whole.len() {
            let mut damaged = whole.clone();
            damaged[byte] ^= 1;
            storage.put(&pack.name, &damaged, None).unwrap();
            let error = entries_of(&storage, &crypto, &pack.name).unwrap_err();
            assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, &*pack.name), "{byte}");
        }
    }

    proptest! {
        #[test]
        fn any_end_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Place::parse(&bytes);
            let mut framed = bytes;
            framed.extend_from_slice(&crc32fast::hash(&framed).to_be_bytes());
            framed.push(framed.len() as u8);
            let _ = Place::parse(&framed);
        }
    }
}
