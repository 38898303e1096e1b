//! `repo snapshot cat`.

use std::io::{self, Write};

use clap::Args;
use kopia::restore::{copy, find};
use kopia::snapshot::EntryType;
use kopia::{Error, ErrorKind};

use super::super::access::Access;
use super::super::work::blocking;
use crate::exit::Exit;

/// Print a file of a snapshot
#[derive(Debug, Args)]
pub struct Cat {
    #[command(flatten)]
    access: Access,
    /// The beginning of the snapshot's name, or `latest`
    snapshot: String,
    /// The file in it
    path: String,
}

impl Cat {
    /// Runs it.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let opened = self.access.open().await?;
        let (snapshot, path) = (self.snapshot, self.path);
        let printed = blocking(move |_| {
            let root = opened.root(&snapshot)?;
            opened.with_tree(|tree| {
                let found = find(tree, &root, &path)?;
                if found.entry.kind != EntryType::File {
                    return Err(Error::new(ErrorKind::Invalid, path, "is no file"));
                }
                let mut out = Forgiving(io::stdout().lock());
                copy(tree, &found, &mut out)?;
                out.flush().map_err(|error| Error::new(ErrorKind::Storage, "stdout", error.to_string()))
            })
        });
        printed.await?;
        Ok(Exit::Done)
    }
}

/// A reader that has gone away, such as `head`, is no error.
struct Forgiving<W>(W);

impl<W: Write> Write for Forgiving<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}
