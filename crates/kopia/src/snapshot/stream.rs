//! Writing a directory entry by entry: some have millions. The bytes are those of [`Directory::to_bytes`](super::Directory::to_bytes).

use super::directory::{ERRORS_MAX, STREAM};
use super::{DirEntry, EntryError, EntryType, Summary};
use crate::compression::Compression;
use crate::content::Prefix;
use crate::object::{ObjectId, ObjectWriter};
use crate::{Result, Time, Writer};

/// A directory that is being written. A copy goes on by itself.
#[derive(Clone)]
pub struct DirectoryWriter<'a> {
    object: ObjectWriter<'a>,
    summary: Summary,
    is_empty: bool,
}

impl<'a> DirectoryWriter<'a> {
    /// Begins a directory.
    pub fn new(writer: &'a Writer, compression: Option<Compression>) -> Result<Self> {
        let mut object = ObjectWriter::new(writer, Some(Prefix::DIRECTORY), compression)?;
        object.append(format!(r#"{{"stream":"{STREAM}","entries":"#).as_bytes())?;
        Ok(Self { object, summary: Summary { dirs: 1, ..Summary::default() }, is_empty: true })
    }

    /// Adds an entry: directories first, each group by name.
    pub fn add(&mut self, entry: &DirEntry) -> Result<()> {
        let mut bytes = vec![if std::mem::take(&mut self.is_empty) { b'[' } else { b',' }];
        entry.write(&mut bytes);
        self.object.append(&bytes)?;
        self.summary.add(entry);
        Ok(())
    }

    /// Takes note of an entry that could not be read.
    pub fn fail(&mut self, path: String, error: String, is_ignored: bool) {
        self.summary.failed += u64::from(!is_ignored);
        self.summary.ignored_errors += u64::from(is_ignored);
        self.summary.add_errors(&[EntryError { path, error }]);
    }

    /// Ends the directory: its name, and what lies below it. It may have been changed at a time, and be incomplete for a reason.
    pub fn finish(mut self, modified: Time, incomplete: &str) -> Result<(ObjectId, Summary)> {
        if self.is_empty {
            self.summary.max_time = modified;
        }
        incomplete.clone_into(&mut self.summary.incomplete);
        let summary = self.summary.clone();
        Ok((self.finish_as(Some(&summary))?, summary))
    }

    /// Ends the directory with what somebody else has counted.
    pub fn finish_as(mut self, summary: Option<&Summary>) -> Result<ObjectId> {
        let mut bytes = if self.is_empty { b"null".to_vec() } else { b"]".to_vec() };
        bytes.extend_from_slice(br#","summary":"#);
        match summary {
            Some(summary) => summary.write(&mut bytes),
            None => bytes.extend_from_slice(b"null"),
        }
        bytes.extend_from_slice(b"}\n");
        self.object.append(&bytes)?;
        self.object.finish()
    }
}

impl Summary {
    /// Counts an entry of the directory, with what lies below it.
    fn add(&mut self, entry: &DirEntry) {
        let below = match entry.kind {
            EntryType::Directory => entry.summary.clone().unwrap_or_default(),
            EntryType::Symlink => Self { symlinks: 1, max_time: entry.modified, ..Self::default() },
            _ => Self { files: 1, size: entry.size, max_time: entry.modified, ..Self::default() },
        };
        self.size = self.size.saturating_add(below.size);
        self.files += below.files;
        self.symlinks += below.symlinks;
        self.dirs += below.dirs;
        self.failed += below.failed;
        self.ignored_errors += below.ignored_errors;
        self.max_time = self.max_time.max(below.max_time);
        self.add_errors(&below.errors);
    }

    /// Keeps the first errors by path.
    fn add_errors(&mut self, errors: &[EntryError]) {
        if !errors.is_empty() {
            self.errors.extend_from_slice(errors);
            self.errors.sort_by(|a, b| a.path.cmp(&b.path));
            self.errors.truncate(ERRORS_MAX);
        }
    }
}
