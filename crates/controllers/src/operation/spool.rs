//! Documents of an operation on local disk, in numbered files, addressed by [`Span`]s.
//!
//! Memory holds no document longer than it takes to write it down. Files of a backup are sealed when they are
//! full: compressed and handed to the journal, from which a later server reads them back.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use engine::facts::Span;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// A file is sealed once it has this many bytes of documents.
const SEAL_BYTES: u64 = 8 << 20;
/// A spool file read back from a bucket may not be larger: one document may exceed [`SEAL_BYTES`] by a few MB.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// The folder of one operation's documents. It goes with the operation.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// An empty folder for the operation `uid` below `scratch`; what an earlier server left there goes.
    pub(super) fn create(scratch: &Path, uid: &str) -> io::Result<Self> {
        let folder = scratch.join(format!("salvor-{uid}"));
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&folder)?,
        }
        Ok(Self { folder })
    }

    /// A document by its address.
    pub(super) fn read(&self, span: Span) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; span.length as usize];
        File::open(self.path(span.file))?.read_exact_at(&mut bytes, span.start)?;
        Ok(bytes)
    }

    /// Whether file `number` is here.
    pub(super) fn has(&self, number: u32) -> bool {
        self.path(number).exists()
    }

    /// Brings back a sealed file.
    pub(super) fn unseal(&self, number: u32, sealed: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.path(number))?;
        let copied = io::copy(&mut GzDecoder::new(sealed).take(FILE_BYTES_MAX + 1), &mut file)?;
        if copied > FILE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "spool file is larger than any we write"));
        }
        Ok(())
    }

    /// Opens the folder for writing, from file `first` on.
    pub(super) fn writer(&self, first: u32) -> Writer {
        Writer { folder: self.folder.clone(), number: first, file: None, size: 0 }
    }

    fn path(&self, number: u32) -> PathBuf {
        path(&self.folder, number)
    }
}

fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:08}"))
}

impl Drop for Spool {
    fn drop(&mut self) {
        // The scratch volume goes with the pod; a folder that stays costs space, not correctness.
        let _gone_or_not = std::fs::remove_dir_all(&self.folder);
    }
}

/// Adds documents to a spool, one file after the other.
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    number: u32,
    file: Option<File>,
    size: u64,
}

impl Writer {
    /// Adds a document and says where it lies.
    pub(super) fn append(&mut self, document: &[u8]) -> io::Result<Span> {
        let length = u32::try_from(document.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "document of 4 GiB or more"))?;
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let options =
                    OpenOptions::new().create(true).append(true).open(path(&self.folder, self.number))?;
                self.file.insert(options)
            }
        };
        file.write_all(document)?;
        let span = Span { file: self.number, start: self.size, length };
        self.size += u64::from(length);
        Ok(span)
    }

    /// Whether the current file is full.
    pub(super) fn is_full(&self) -> bool {
        self.size >= SEAL_BYTES
    }

    /// Ends the current file, if it has a document, and gives its number and compressed content.
    pub(super) fn seal(&mut self) -> io::Result<Option<(u32, Vec<u8>)>> {
        if self.file.take().is_none() {
            return Ok(None);
        }
        let number = self.number;
        let mut sealed = GzEncoder::new(Vec::new(), Compression::fast());
        io::copy(&mut File::open(path(&self.folder, number))?, &mut sealed)?;
        self.number += 1;
        self.size = 0;
        Ok(Some((number, sealed.finish()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_read_back_from_here_and_from_sealed_files() {
        let scratch = tempfile::tempdir().unwrap();
        let spool = Spool::create(scratch.path(), "u1").unwrap();
        let mut writer = spool.writer(0);
        let a = writer.append(b"{\"a\":1}").unwrap();
        let b = writer.append(b"{\"b\":2}").unwrap();
        let (number, sealed) = writer.seal().unwrap().unwrap();
        let c = writer.append(b"{\"c\":3}").unwrap();
        assert_eq!((number, c.file), (0, 1));
        assert_eq!(spool.read(b).unwrap(), b"{\"b\":2}");
        assert_eq!(spool.read(c).unwrap(), b"{\"c\":3}");

        let later = Spool::create(scratch.path(), "u1").unwrap();
        assert!(!later.has(0), "what an earlier server left goes");
        later.unseal(0, &sealed).unwrap();
        assert_eq!(later.read(a).unwrap(), b"{\"a\":1}");
        assert!(writer.seal().is_err() || !later.has(1));
    }

    #[test]
    fn an_empty_spool_seals_nothing_and_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let spool = Spool::create(scratch.path(), "u2").unwrap();
        assert!(spool.writer(0).seal().unwrap().is_none());
        drop(spool);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
