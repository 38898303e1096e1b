//! Contents: byte strings under the hash of what they hold, encrypted, gathered in packs, and found through indexes.

mod entry;
mod id;
pub(crate) mod index;
pub(crate) mod merge;
pub(crate) mod pack;
pub(crate) mod session;
pub(crate) mod table;

pub use entry::Entry;
pub(crate) use entry::after;
pub use id::{ContentId, Prefix};
pub use pack::local_index;

#[cfg(test)]
pub(crate) fn entry_of_tests(id: &str) -> Entry {
    entry::tests::entry(id, 1_700_000_000, "p101112131415161718191a1b1c1d1e1f-s0011223344556677148")
}

use crate::Result;

/// Wherever contents are read from: a repository, or a session of writing, which also has what it has not stored yet.
pub trait Contents: Sync {
    /// What a content holds.
    fn content(&self, id: &ContentId) -> Result<Vec<u8>>;

    /// Where a content is in the store; `None` where that is not known.
    fn place(&self, _id: &ContentId) -> Result<Option<Entry>> {
        Ok(None)
    }

    /// Shows what contents hold that lie one behind the other in one pack, by their number in `entries`.
    fn run(&self, entries: &[Entry], visit: &mut dyn FnMut(usize, Result<Vec<u8>>)) {
        for (number, entry) in entries.iter().enumerate() {
            visit(number, self.content(&entry.id));
        }
    }
}
