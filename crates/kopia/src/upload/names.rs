//! The names in a folder, in the order in which a directory has them. A million of them are a few dozen megabytes.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Dir, FileType, statat};

/// Names, directories first, each group in the order of their bytes.
#[derive(Debug, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    directories: Vec<Name>,
    others: Vec<Name>,
}

/// A name in the bytes of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    start: usize,
    length: u16,
}

impl Names {
    /// Reads the names in a folder.
    pub(super) fn read(folder: impl AsFd) -> io::Result<Self> {
        let folder = folder.as_fd();
        let mut names = Self::default();
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let is_directory = match entry.file_type() {
                FileType::Unknown => statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
                kind => kind == FileType::Directory,
            };
            names.add(name, is_directory);
        }
        let Self { bytes, directories, others } = &mut names;
        for group in [directories, others] {
            group.sort_unstable_by(|a, b| of(bytes, *a).cmp(of(bytes, *b)));
        }
        Ok(names)
    }

    fn add(&mut self, name: &[u8], is_directory: bool) {
        let group = if is_directory { &mut self.directories } else { &mut self.others };
        group.push(Name { start: self.bytes.len(), length: name.len() as u16 });
        self.bytes.extend_from_slice(name);
    }

    pub(super) fn directories(&self) -> &[Name] {
        &self.directories
    }

    pub(super) fn others(&self) -> &[Name] {
        &self.others
    }

    pub(super) fn get(&self, name: Name) -> &[u8] {
        of(&self.bytes, name)
    }

    /// Whether something other than a directory has that name.
    pub(super) fn has_file(&self, name: &[u8]) -> bool {
        self.others.binary_search_by(|other| self.get(*other).cmp(name)).is_ok()
    }
}

fn of(bytes: &[u8], name: Name) -> &[u8] {
    &bytes[name.start..name.start + usize::from(name.length)]
}
