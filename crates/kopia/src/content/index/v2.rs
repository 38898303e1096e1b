//! Version 2 of the index: entries of 16 to 19 bytes, with packs and formats in tables of their own.

use std::collections::HashMap;
use std::sync::Arc;

use super::{ContentId, Entry, Keys, number, slice};
use crate::{Error, Result};

const HEADER: usize = 17;
/// The shortest entry; each byte more is for larger numbers.
const ENTRY_MIN: usize = 16;
const ENTRY_MAX: usize = 19;
const PACK_ROW: usize = 5;
const FORMAT_ROW: usize = 6;

const DELETED: u32 = 1 << 31;
const OFFSET_MAX: u32 = 1 << 30;
const LENGTH_MAX: u32 = 1 << 28;
const PACKS_MAX: usize = 1 << 24;
const FORMATS_MAX: usize = 255;

/// How a content was written: compression, version of the repository, key.
type Format = (u32, u8, u8);

#[derive(Debug)]
pub(super) struct Layout {
    pub(super) keys: Keys,
    base_time: u64,
    /// The names of packs; none where a row points nowhere, which concerns only the entries that use it.
    packs: Vec<Option<Arc<str>>>,
    formats: Vec<Format>,
}

impl Layout {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER>()?;
        let (length, entry) = (usize::from(header[1]), number(&header[2..4]) as usize);
        let [count, packs] = [&header[4..8], &header[8..12]].map(|field| number(field) as usize);
        let keys = Keys { start: HEADER, length, stride: length + entry, count };
        let keys = if count == 0 { Keys { length: 2, stride: 2, ..keys } } else { keys.check(bytes)? };
        if count > 0 && !(ENTRY_MIN..=ENTRY_MAX).contains(&entry) {
            return None;
        }
        let packs_start = HEADER + keys.stride * count;
        let formats_start = packs_start.checked_add(packs.checked_mul(PACK_ROW)?)?;
        let pack_rows = bytes.get(packs_start..formats_start)?.chunks_exact(PACK_ROW);
        // each is there once: a few bytes that are the names of many packs would grow in memory
        let names: usize = pack_rows.clone().map(|row| usize::from(row[0])).sum();
        if names > bytes.len() {
            return None;
        }
        let format_rows = slice(bytes, formats_start as u64, usize::from(header[12]) * FORMAT_ROW)?;
        let pack = |row: &[u8]| {
            let name = slice(bytes, number(&row[1..]), usize::from(row[0]))?;
            std::str::from_utf8(name).ok().map(Arc::from)
        };
        let format = |row: &[u8]| (number(&row[..4]) as u32, row[4], row[5]);
        let formats = format_rows.chunks_exact(FORMAT_ROW).map(format).collect();
        Some(Self { keys, base_time: number(&header[13..17]), packs: pack_rows.map(pack).collect(), formats })
    }

    pub(super) fn entry(&self, id: ContentId, row: &[u8]) -> Option<Entry> {
        let extra = |place: usize| row.get(place).copied().map_or(0, u32::from);
        let place = number(row.get(4..8)?) as u32;
        let format = self.formats.get(extra(16) as usize)?;
        let pack = number(row.get(14..16)?) as u32 | extra(17) << 16;
        Some(Entry {
            id,
            time: i64::try_from(number(row.get(..4)?) + self.base_time).ok()?,
            is_deleted: place & DELETED != 0,
            pack: self.packs.get(pack as usize)?.clone()?,
            offset: place & !DELETED,
            packed_length: number(row.get(11..14)?) as u32 | (extra(18) & 0x0f) << 24,
            length: number(row.get(8..11)?) as u32 | (extra(18) >> 4) << 24,
            compression: format.0,
            format_version: format.1,
            key: format.2,
        })
    }
}

/// Numbers for things, in the order of their first appearance.
struct Numbered<T> {
    numbers: HashMap<T, usize>,
    in_order: Vec<T>,
}

impl<T: Clone + Eq + std::hash::Hash> Numbered<T> {
    fn of(things: impl Iterator<Item = T>) -> Self {
        let mut numbered = Self { numbers: HashMap::new(), in_order: Vec::new() };
        for thing in things {
            if !numbered.numbers.contains_key(&thing) {
                numbered.numbers.insert(thing.clone(), numbered.in_order.len());
                numbered.in_order.push(thing);
            }
        }
        numbered
    }

    fn number(&self, thing: &T) -> u32 {
        self.numbers.get(thing).copied().unwrap_or_default() as u32
    }
}

/// The index of entries that are sorted by name: the same bytes for the same entries, whoever writes them.
pub(super) fn build(entries: &[&Entry]) -> Result<Vec<u8>> {
    let packs = Numbered::of(entries.iter().map(|entry| Arc::clone(&entry.pack)));
    let formats = Numbered::of(entries.iter().map(|entry| format_of(entry)));
    check(entries, &packs.in_order, formats.in_order.len())?;
    let entry_length = entry_length(entries, packs.in_order.len(), formats.in_order.len());
    let key_length = entries.first().map_or(2, |entry| entry.id.key().1);
    let mut bytes = Vec::with_capacity(HEADER + entries.len() * (key_length + entry_length));
    bytes.extend_from_slice(&[2, key_length as u8]);
    bytes.extend_from_slice(&(entry_length as u16).to_be_bytes());
    bytes.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&(packs.in_order.len() as u32).to_be_bytes());
    bytes.push(formats.in_order.len() as u8);
    bytes.extend_from_slice(&0_u32.to_be_bytes());
    for entry in entries {
        let (key, length) = entry.id.key();
        bytes.extend_from_slice(&key[..length]);
        let row = row(entry, packs.number(&entry.pack), formats.number(&format_of(entry)));
        bytes.extend_from_slice(&row[..entry_length]);
    }
    append_tables(&mut bytes, &packs.in_order, &formats.in_order);
    Ok(bytes)
}

fn format_of(entry: &Entry) -> Format {
    (entry.compression, entry.format_version, entry.key)
}

/// Refuses what the format has no room for.
fn check(entries: &[&Entry], packs: &[Arc<str>], formats: usize) -> Result<()> {
    let fits = |entry: &&Entry| {
        entry.offset < OFFSET_MAX
            && entry.packed_length < LENGTH_MAX
            && entry.length < LENGTH_MAX
            && u32::try_from(entry.time).is_ok()
    };
    if let Some(entry) = entries.iter().find(|entry| !fits(entry)) {
        return Err(Error::invalid(entry.id, "its place or its length does not fit into an index"));
    }
    let has_names = packs.iter().all(|name| name.len() <= usize::from(u8::MAX));
    if packs.len() > PACKS_MAX || formats > FORMATS_MAX || !has_names {
        return Err(Error::invalid("index", "has more packs or formats than an index has room for"));
    }
    Ok(())
}

fn entry_length(entries: &[&Entry], packs: usize, formats: usize) -> usize {
    let is_long = |entry: &&Entry| entry.length.max(entry.packed_length) >= 1 << 24;
    if entries.iter().any(is_long) {
        ENTRY_MAX
    } else if packs > 1 << 16 {
        18
    } else if formats > 1 {
        17
    } else {
        ENTRY_MIN
    }
}

fn row(entry: &Entry, pack: u32, format: u32) -> [u8; ENTRY_MAX] {
    let mut row = [0; ENTRY_MAX];
    let place = entry.offset | if entry.is_deleted { DELETED } else { 0 };
    row[..4].copy_from_slice(&(entry.time as u32).to_be_bytes());
    row[4..8].copy_from_slice(&place.to_be_bytes());
    row[8..11].copy_from_slice(&entry.length.to_be_bytes()[1..]);
    row[11..14].copy_from_slice(&entry.packed_length.to_be_bytes()[1..]);
    row[14..16].copy_from_slice(&pack.to_be_bytes()[2..]);
    row[16] = format as u8;
    row[17] = (pack >> 16) as u8;
    row[18] = (entry.length >> 24 << 4 | entry.packed_length >> 24) as u8;
    row
}

fn append_tables(bytes: &mut Vec<u8>, packs: &[Arc<str>], formats: &[Format]) {
    let mut name_start = bytes.len() + packs.len() * PACK_ROW + formats.len() * FORMAT_ROW;
    for name in packs {
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(&(name_start as u32).to_be_bytes());
        name_start += name.len();
    }
    for (compression, version, key) in formats {
        bytes.extend_from_slice(&compression.to_be_bytes());
        bytes.extend_from_slice(&[*version, *key]);
    }
    for name in packs {
        bytes.extend_from_slice(name.as_bytes());
    }
}
