//! Version 1 of the index, of repositories that kopia made before 0.9: read, not written. Its contents are never compressed.

use super::{ContentId, Entry, Keys, number, slice};
use crate::encryption;

const HEADER: usize = 8;
const ENTRY: usize = 20;
const DELETED: u32 = 1 << 31;

#[derive(Debug)]
pub(super) struct Layout {
    pub(super) keys: Keys,
}

impl Layout {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER>()?;
        let (length, entry, count) = (usize::from(header[1]), number(&header[2..4]), number(&header[4..8]));
        // what a compaction that dropped everything leaves
        if count == 0 {
            return Some(Self { keys: Keys { start: HEADER, length: 2, stride: 2, count: 0 } });
        }
        let keys =
            Keys { start: HEADER, length, stride: length + ENTRY, count: usize::try_from(count).ok()? };
        (entry == ENTRY as u64).then(|| keys.check(bytes))?.map(|keys| Self { keys })
    }

    #[expect(clippy::unused_self, reason = "the same call as version 2")]
    pub(super) fn entry(&self, bytes: &[u8], id: ContentId, row: &[u8]) -> Option<Entry> {
        let row = row.first_chunk::<ENTRY>()?;
        let name = slice(bytes, number(&row[8..12]), usize::from(row[7]))?;
        let place = number(&row[12..16]) as u32;
        let packed_length = number(&row[16..20]) as u32;
        Some(Entry {
            id,
            time: i64::try_from(number(&row[..6])).ok()?,
            is_deleted: place & DELETED != 0,
            pack: std::str::from_utf8(name).ok()?.into(),
            offset: place & !DELETED,
            packed_length,
            length: packed_length.checked_sub(encryption::OVERHEAD as u32)?,
            compression: 0,
            format_version: row[6],
            key: 0,
        })
    }
}
