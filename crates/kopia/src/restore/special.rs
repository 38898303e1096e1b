//! Pipes, sockets and devices: they are made, under a name of their own first, and hold nothing.

use std::io;
use std::sync::Arc;

use rustix::fs::FileType;

use super::folder::{self, Folder, Opened, failed};
use super::target::partial;
use super::{Found, Job};
use crate::{Error, Result};

/// What holds no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// A pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A device of characters, and its number.
    CharacterDevice(u64),
    /// A device of blocks, and its number.
    BlockDevice(u64),
}

impl Special {
    /// Its type and number as the system has them.
    fn to_raw(self) -> (FileType, u64) {
        match self {
            Self::Pipe => (FileType::Fifo, 0),
            Self::Socket => (FileType::Socket, 0),
            Self::CharacterDevice(number) => (FileType::CharacterDevice, number),
            Self::BlockDevice(number) => (FileType::BlockDevice, number),
        }
    }
}

/// Makes it, in place of a file that has its name.
pub(super) fn make(job: &Job<'_>, folder: &Arc<Folder<'_>>, found: &Found, special: Special) -> Result<()> {
    let entry = &found.entry;
    let path = folder.path_of(&entry.name);
    if folder.keeps(entry) {
        job.count(|report| report.kept += 1);
        return Ok(());
    }
    let place = folder.open().map_err(|error| failed(&path, error))?;
    let (name, (kind, number)) = (partial(&entry.name), special.to_raw());
    let made = place.make(&name, kind, number).and_then(|()| finish(job, &place, &name, found));
    if let Err(error) = made {
        // what stays is replaced by the next restore
        drop(place.remove(&name));
        return Err(failed(&path, error));
    }
    job.count(|report| report.special += 1);
    told(&path, found)
}

fn finish(job: &Job<'_>, place: &Opened, name: &[u8], found: &Found) -> io::Result<()> {
    folder::set_of_link(place, name, &found.entry, job.options)?;
    folder::set_mode(place, name, &found.entry, job.options)?;
    place.rename(name, &found.entry.name)
}

/// Extended attributes are set on what can be opened only: elsewhere they are told.
pub(super) fn told(path: &str, found: &Found) -> Result<()> {
    let Some(first) = found.attributes.first() else { return Ok(()) };
    let count = found.attributes.len();
    let reason =
        format!("{count} extended attributes are not restored, the first of them is {:.80?}", first.name);
    Err(Error::unsupported(path, reason))
}
