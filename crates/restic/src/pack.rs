//! What a pack says of itself: at its end there is a sealed list of the blobs in it.

use crate::crypto::{Key, OVERHEAD};
use crate::files::part;
use crate::index::Kind;
use crate::{Files, Id, Result, corrupt, id};

/// How many bytes the length of the list has, at the very end.
const TRAILER: usize = 4;
/// The most bytes of the list: restic's packs have a few thousand blobs.
const LIST_LENGTH_MAX: usize = 16 << 20;

/// A blob in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Packed {
    pub(crate) kind: Kind,
    pub(crate) id: Id,
    pub(crate) offset: u32,
    pub(crate) packed_length: u32,
    pub(crate) compressed_from: Option<u32>,
}

/// Where a pack lies.
pub(crate) fn path(pack: &str) -> String {
    format!("data/{}/{pack}", pack.get(..2).unwrap_or_default())
}

/// The blobs in a pack, by what it says itself.
pub(crate) fn list(files: &dyn Files, key: &Key, pack: &str) -> Result<Vec<Packed>> {
    let path = path(pack);
    let short = || corrupt(&path, "is cut off");
    let trailer = files.length(&path)?.checked_sub(TRAILER as u64).ok_or_else(short)?;
    let bytes = part(files, &path, trailer, TRAILER)?;
    let length = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
    let begin = trailer.checked_sub(length as u64).filter(|_| length <= LIST_LENGTH_MAX).ok_or_else(short)?;
    let list = key.open(&path, part(files, &path, begin, length)?)?;
    parse(&path, &list)
}

/// The same, of the list as it is sealed.
pub(crate) fn parse(path: &str, mut list: &[u8]) -> Result<Vec<Packed>> {
    let (mut blobs, mut offset) = (Vec::new(), 0u32);
    while let Some((&kind, rest)) = list.split_first() {
        let (row, after) = row(kind, offset, rest).ok_or_else(|| corrupt(path, "has a list that is none"))?;
        let next = offset.checked_add(row.packed_length).filter(|_| row.packed_length as usize >= OVERHEAD);
        offset = next.ok_or_else(|| corrupt(path, format!("says that {} lies nowhere", row.id)))?;
        blobs.push(row);
        list = after;
    }
    Ok(blobs)
}

fn row(kind: u8, offset: u32, rest: &[u8]) -> Option<(Packed, &[u8])> {
    let (packed_length, rest) = number(rest)?;
    let (compressed_from, rest) = match kind {
        0 | 1 => (None, rest),
        2 | 3 => number(rest).map(|(length, rest)| (Some(length), rest))?,
        _ => return None,
    };
    let (id, rest) = rest.split_first_chunk::<{ id::LENGTH }>()?;
    let kind = if kind & 1 == 0 { Kind::Data } else { Kind::Tree };
    Some((Packed { kind, id: Id(*id), offset, packed_length, compressed_from }, rest))
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk().map(|(number, rest)| (u32::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_tell_kinds_places_and_lengths() {
        let row = |kind: u8, lengths: &[u32]| {
            let lengths: Vec<u8> = lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
            [&[kind][..], &lengths, &[kind; 32]].concat()
        };
        let list = [row(0, &[100]), row(1, &[50]), row(2, &[60, 900]), row(3, &[32, 1])].concat();
        let blobs = parse("p", &list).unwrap();
        let facts: Vec<_> = blobs.iter().map(|blob| (blob.kind, blob.offset, blob.compressed_from)).collect();
        let (data, tree) = (Kind::Data, Kind::Tree);
        assert_eq!(facts, [(data, 0, None), (tree, 100, None), (data, 150, Some(900)), (tree, 210, Some(1))]);
        assert!(parse("p", &list[..list.len() - 1]).is_err());
        assert!(parse("p", &row(4, &[100])).is_err());
        assert!(parse("p", &row(0, &[31])).is_err());
        assert!(parse("p", &[row(0, &[u32::MAX]), row(0, &[32])].concat()).is_err());
    }

    proptest! {
        #[test]
        fn no_list_makes_it_panic(list in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse("p", &list);
        }
    }
}
