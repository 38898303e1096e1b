//! Many indexes as one: for each content the entry that holds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::index::Index;
use super::{ContentId, Entry, Prefix};
use crate::Result;

/// Shows the entry that holds of each content, by name, deleted ones too: all, or those with a prefix. Memory does not grow with their number.
pub(crate) fn merged(
    indexes: &[Arc<Index>],
    prefix: Option<Prefix>,
    visit: &mut dyn FnMut(Entry) -> Result<()>,
) -> Result<()> {
    let mut heads: BinaryHeap<Reverse<(ContentId, usize, usize)>> = BinaryHeap::new();
    for (which, index) in indexes.iter().enumerate() {
        push(&mut heads, indexes, which, prefix.map_or(0, |prefix| index.start_of(prefix)))?;
    }
    let mut best: Option<Entry> = None;
    while let Some(Reverse((id, which, place))) = heads.pop() {
        if prefix.is_some() && id.prefix() != prefix {
            continue;
        }
        let entry = indexes[which].entry(place)?;
        match &mut best {
            Some(known) if known.id == entry.id => {
                if entry.supersedes(known) {
                    *known = entry;
                }
            }
            known => known.replace(entry).map_or(Ok(()), &mut *visit)?,
        }
        push(&mut heads, indexes, which, place + 1)?;
    }
    best.map_or(Ok(()), visit)
}

fn push(
    heads: &mut BinaryHeap<Reverse<(ContentId, usize, usize)>>,
    indexes: &[Arc<Index>],
    which: usize,
    place: usize,
) -> Result<()> {
    if place < indexes[which].len() {
        let id =
            indexes[which].id(place).map_or_else(|| indexes[which].entry(place).map(|entry| entry.id), Ok)?;
        heads.push(Reverse((id, which, place)));
    }
    Ok(())
}

/// The entry that holds of one content.
pub(crate) fn lookup(indexes: &[Arc<Index>], id: &ContentId) -> Result<Option<Entry>> {
    let mut best: Option<Entry> = None;
    for index in indexes {
        if let Some(entry) = index.get(id)?
            && best.as_ref().is_none_or(|known| entry.supersedes(known))
        {
            best = Some(entry);
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::entry::tests::entry;
    use crate::content::index;

    fn index_of(entries: &[Entry]) -> Arc<Index> {
        Arc::new(Index::parse("xn0", index::build(entries).unwrap().remove(0)).unwrap())
    }

    #[test]
    fn the_entry_that_holds_is_shown_once() {
        let deleted = Entry { is_deleted: true, ..entry("bb", 7, "p1") };
        let indexes = [
            index_of(&[
                entry("aa", 1, "p1"),
                entry("bb", 5, "p1"),
                entry("k00", 1, "q1"),
                entry("m00", 1, "q1"),
            ]),
            index_of(&[entry("aa", 1, "p2"), deleted.clone()]),
            index_of(&[entry("00", 3, "p3"), entry("bb", 6, "p9")]),
        ];
        let expected = [
            entry("00", 3, "p3"),
            entry("aa", 1, "p2"),
            deleted,
            entry("k00", 1, "q1"),
            entry("m00", 1, "q1"),
        ];
        let mut shown = Vec::new();
        merged(&indexes, None, &mut |entry| {
            shown.push(entry);
            Ok(())
        })
        .unwrap();
        assert_eq!(shown, expected);
        for entry in expected {
            assert_eq!(lookup(&indexes, &entry.id).unwrap(), Some(entry));
        }
        let mut directories = Vec::new();
        merged(&indexes, Some(Prefix::DIRECTORY), &mut |entry| {
            directories.push(entry);
            Ok(())
        })
        .unwrap();
        assert_eq!(directories, [entry("k00", 1, "q1")]);
        assert_eq!(lookup(&indexes, &"cc".parse().unwrap()).unwrap(), None);
    }
}
