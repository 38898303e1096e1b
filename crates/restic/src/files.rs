//! The files of a repository, and what is asked of whatever keeps them.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind, Result, corrupt, too_large};

/// A file, as a list has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name in the folder.
    pub name: String,
    /// How many bytes it has.
    pub length: u64,
}

/// Whatever keeps files. Paths use `/` and are relative to the repository. Calls block, and may come from many threads at once.
pub trait Files: Send + Sync {
    /// A whole file; one of more than `limit` bytes is [`ErrorKind::TooLarge`] and is not read.
    fn get(&self, path: &str, limit: usize) -> Result<Vec<u8>>;

    /// Part of a file; [`ErrorKind::InvalidRange`] unless all of those bytes are there.
    fn get_range(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>>;

    /// How many bytes a file has.
    fn length(&self, path: &str) -> Result<u64>;

    /// The files directly in a folder; none if it is not there.
    fn list(&self, folder: &str) -> Result<Vec<Listed>>;
}

/// A repository in a folder.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder of a repository.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn open(&self, path: &str) -> Result<(File, u64)> {
        let open = || {
            let file = File::open(self.root.join(path))?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        open().map_err(|error| failed(path, error))
    }
}

impl Files for Folder {
    fn get(&self, path: &str, limit: usize) -> Result<Vec<u8>> {
        let (file, length) = self.open(path)?;
        if length > limit as u64 {
            return Err(too_large(path, length, limit));
        }
        let mut data = Vec::new();
        file.take(limit as u64).read_to_end(&mut data).map_err(|error| failed(path, error))?;
        Ok(data)
    }

    fn get_range(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let (mut file, size) = self.open(path)?;
        if offset.checked_add(length as u64).is_none_or(|end| end > size) {
            return Err(out_of_range(path, offset, length, size));
        }
        let mut data = vec![0; length];
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut data));
        read.map_err(|error| failed(path, error))?;
        Ok(data)
    }

    fn length(&self, path: &str) -> Result<u64> {
        self.open(path).map(|(_, length)| length)
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        list(&self.root.join(folder)).map_err(|error| failed(folder, error))
    }
}

fn list(folder: &Path) -> io::Result<Vec<Listed>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut listed = Vec::new();
    for entry in entries {
        let (entry, metadata) = entry.and_then(|entry| entry.metadata().map(|metadata| (entry, metadata)))?;
        if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
            listed.push(Listed { name, length: metadata.len() });
        }
    }
    Ok(listed)
}

/// What bytes that are not all there are to a reader.
pub fn out_of_range(path: &str, offset: u64, length: usize, size: u64) -> Error {
    let reason = format!("has {size} bytes, and {length} from {offset} on were asked for");
    Error::new(ErrorKind::InvalidRange, path, reason)
}

fn failed(path: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, path, "there is no such file"),
        _ => {
            Error::new(ErrorKind::Storage, path, format!("the file system failed: {error}")).caused_by(error)
        }
    }
}

/// Part of a file whose index says that it is there.
pub(crate) fn part(files: &dyn Files, path: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
    files.get_range(path, offset, length).map_err(|error| match error.kind() {
        ErrorKind::InvalidRange => corrupt(path, "is cut off").caused_by(error),
        _ => error,
    })
}
