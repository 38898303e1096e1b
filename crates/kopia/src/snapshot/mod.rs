//! Snapshots: a manifest that names the root of a tree, and the directories below it, byte for byte as kopia writes them.

mod diff;
mod directory;
mod document;
mod find;
mod mode;
mod stream;

#[cfg(test)]
mod tests;

pub use diff::{Change, diff};
pub use directory::{DirEntry, Directory, EntryError, EntryType, Summary, read_directory};
pub use document::{Snapshot, Source, Stats};
pub use find::{find, list};
pub use mode::Mode;
pub use stream::DirectoryWriter;
