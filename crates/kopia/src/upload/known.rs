//! What earlier snapshots have of a directory: of each entry no more than a hash of what it would have to be, and its object.

use std::collections::HashMap;

use crate::content::Contents;
use crate::snapshot::{DirEntry, EntryType, list};
use crate::{ErrorKind, ObjectId, Result};

/// What a file or link has to be so that it is taken for unchanged.
type Fingerprint = u128;

/// The entries of a directory in earlier snapshots.
#[derive(Debug, Default)]
pub(super) struct Known {
    files: HashMap<Fingerprint, ObjectId>,
    directories: HashMap<Vec<u8>, Vec<ObjectId>>,
}

impl Known {
    /// Reads what earlier snapshots have; and whether all of them could be read.
    pub(super) fn load(contents: &dyn Contents, previous: &[ObjectId]) -> Result<(Self, bool)> {
        let (mut known, mut is_whole) = (Self::default(), true);
        for object in previous {
            let directory =
                DirEntry { kind: EntryType::Directory, object: Some(*object), ..DirEntry::default() };
            let listed = list(contents, &directory, &mut |entry| {
                known.add(entry);
                Ok(())
            });
            match listed {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Storage => return Err(error),
                Err(_) => is_whole = false,
            }
        }
        Ok((known, is_whole))
    }

    fn add(&mut self, entry: DirEntry) {
        let Some(object) = entry.object else { return };
        match entry.kind {
            EntryType::Directory => self.directories.entry(entry.name).or_default().push(object),
            EntryType::Unknown => {}
            EntryType::File | EntryType::Symlink => drop(self.files.insert(fingerprint(&entry), object)),
        }
    }

    /// The object of a file or link that is as it was.
    pub(super) fn file(&self, entry: &DirEntry) -> Option<ObjectId> {
        if self.files.is_empty() { None } else { self.files.get(&fingerprint(entry)).copied() }
    }

    /// The same directory in earlier snapshots.
    pub(super) fn directory(&self, name: &[u8]) -> &[ObjectId] {
        self.directories.get(name).map_or(&[], Vec::as_slice)
    }
}

fn fingerprint(entry: &DirEntry) -> Fingerprint {
    let mut hash = blake3::Hasher::new();
    hash.update(&[u8::from(entry.kind == EntryType::Symlink)]);
    for number in [entry.size, entry.modified.nanos().cast_unsigned()] {
        hash.update(&number.to_le_bytes());
    }
    for number in [entry.mode.to_unix(), entry.uid, entry.gid] {
        hash.update(&number.to_le_bytes());
    }
    hash.update(&entry.name);
    hash.finalize().as_bytes().first_chunk().copied().map_or(0, u128::from_le_bytes)
}
