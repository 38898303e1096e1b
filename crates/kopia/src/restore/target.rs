//! A file or a link that is being written: under a name of its own first, so that whoever looks sees the old one or the whole new one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use super::folder::{self, Folder, Opened, failed};
use super::{Attribute, Job};
use crate::snapshot::{DirEntry, EntryType};
use crate::sync::lock;
use crate::{Error, ErrorKind, Result};

/// What the names of files in the making begin with.
const PARTIAL: &str = ".kopia-restore-";
/// The size of holes.
const HOLE: usize = 4096;
/// The most bytes of a link's target.
const TARGET_MAX: usize = 4096;

/// A file or a link that is being written, part by part, by any thread. When nobody needs it any more it gets its name, if it is whole.
pub(super) struct Target<'a> {
    pub(super) entry: DirEntry,
    folder: Arc<Folder<'a>>,
    attributes: Vec<Attribute>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_made: bool,
    is_failed: bool,
    /// Whether it has its name.
    is_done: bool,
    /// Bytes that were written.
    written: u64,
}

impl<'a> Target<'a> {
    pub(super) fn new(folder: Arc<Folder<'a>>, entry: DirEntry, attributes: Vec<Attribute>) -> Self {
        Self { entry, folder, attributes, state: Mutex::default() }
    }

    pub(super) fn path(&self) -> String {
        self.folder.path_of(&self.entry.name)
    }

    /// Reports what is wrong with it, once; nothing more is written.
    pub(super) fn fail(&self, error: Error) {
        let mut state = lock(&self.state);
        if !std::mem::replace(&mut state.is_failed, true) && error.kind() != ErrorKind::Canceled {
            self.job().problem(self.path(), error);
        }
    }

    pub(super) fn is_failed(&self) -> bool {
        lock(&self.state).is_failed
    }

    /// Writes what a part of it holds.
    pub(super) fn write(&self, position: u64, length: Option<u64>, bytes: &[u8]) -> Result<()> {
        let count = bytes.len() as u64;
        let expected = length.unwrap_or(self.entry.size);
        if count != expected || position.checked_add(count).is_none_or(|end| end > self.entry.size) {
            let reason = format!("has {count} bytes from {position} on, {expected} were expected");
            return Err(Error::corrupt(self.path(), reason));
        }
        let place = self.folder.open().map_err(|error| failed(&self.path(), error))?;
        let written = match self.entry.kind {
            EntryType::Symlink => self.write_link(&place, bytes),
            _ => self.write_file(&place, position, bytes),
        };
        written.map_err(|error| failed(&self.path(), error))
    }

    fn write_link(&self, place: &Opened, target: &[u8]) -> io::Result<()> {
        if target.len() > TARGET_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the target of the link is too long"));
        }
        lock(&self.state).is_made = true;
        place.link(&self.partial(), target)?;
        folder::set_of_link(place, &self.partial(), &self.entry, self.job().options)?;
        self.name(place)
    }

    fn write_file(&self, place: &Opened, position: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.open(place)?;
        write_at(&file, bytes, position, self.job().options.is_sparse)?;
        let is_whole = {
            let mut state = lock(&self.state);
            state.written += bytes.len() as u64;
            state.written == self.entry.size && !state.is_failed
        };
        if is_whole {
            file.set_len(self.entry.size)?;
            folder::set(&file, &self.entry, self.job().options)?;
            self.name(place)?;
            self.set_attributes(&file);
        }
        Ok(())
    }

    /// A file without its extended attributes is worth more than none.
    fn set_attributes(&self, file: &File) {
        if let Err(error) = folder::set_attributes(file, &self.attributes, self.job().options) {
            self.job().problem(self.path(), failed(&self.path(), error));
        }
    }

    fn open(&self, place: &Opened) -> io::Result<File> {
        let mut state = lock(&self.state);
        let file = match state.is_made {
            true => place.reopen(&self.partial()),
            false => place.create(&self.partial()),
        };
        state.is_made = true;
        file
    }

    fn name(&self, place: &Opened) -> io::Result<()> {
        place.rename(&self.partial(), &self.entry.name)?;
        lock(&self.state).is_done = true;
        let is_link = self.entry.kind == EntryType::Symlink;
        self.job().count(|report| {
            report.symlinks += u64::from(is_link);
            report.files += u64::from(!is_link);
            report.bytes += if is_link { 0 } else { self.entry.size };
        });
        Ok(())
    }

    fn partial(&self) -> Vec<u8> {
        partial(&self.entry.name)
    }

    fn job(&self) -> &Job<'a> {
        self.folder.job()
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        let is_left_over = {
            let state = lock(&self.state);
            state.is_made && !state.is_done
        };
        if is_left_over {
            let is_canceled = self.job().check_cancel().is_err();
            if !is_canceled && !self.is_failed() {
                self.fail(Error::corrupt(self.path(), "has fewer bytes than were expected"));
            }
            // what stays is replaced by the next restore
            let _ = self.folder.open().and_then(|place| place.remove(&self.partial()));
        }
    }
}

/// What a file is called while it is being written.
pub(super) fn partial(name: &[u8]) -> Vec<u8> {
    format!("{PARTIAL}{}", &blake3::hash(name).to_hex()[..16]).into_bytes()
}

/// Writes bytes at a place; if there may be holes, not those that are zeros.
fn write_at(file: &File, bytes: &[u8], position: u64, is_sparse: bool) -> io::Result<()> {
    if !is_sparse {
        return file.write_all_at(bytes, position);
    }
    let is_hole = |start: usize| bytes[start..bytes.len().min(start + HOLE)].iter().all(|byte| *byte == 0);
    let mut start = 0;
    while start < bytes.len() {
        let mut end = start;
        while end < bytes.len() && !is_hole(end) {
            end = bytes.len().min(end + HOLE);
        }
        file.write_all_at(&bytes[start..end], position + start as u64)?;
        start = bytes.len().min(end + HOLE);
    }
    Ok(())
}
