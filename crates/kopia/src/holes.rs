//! Holes in files: where a file system keeps nothing, and zeros are read.

use std::fs::File;
use std::io;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// Where the next bytes begin that are no hole, and where they end: behind the last ones both are the file's size. Nothing at its end, and where
/// the file system knows no holes.
pub(crate) fn next_data(file: &File, position: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    if position >= size {
        return Ok(None);
    }
    match seek(file, SeekFrom::Data(position)) {
        Ok(data) => Ok(Some((data, seek(file, SeekFrom::Hole(data))?))),
        Err(Errno::NXIO) => Ok(Some((size, size))),
        Err(Errno::INVAL | Errno::NOTSUP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
