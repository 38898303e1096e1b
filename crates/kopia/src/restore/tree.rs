//! What a restore asks of a tree, so that those of other kinds of repositories are restored the same way.

use std::io::{self, Write};

use super::Special;
use crate::content::{ContentId, Contents};
use crate::object::ObjectReader;
use crate::repository::Verified;
use crate::snapshot::{self, DirEntry};
use crate::{Error, ErrorKind, Repository, Result, Writer};

/// Something in a directory, and how its bytes are found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// What it is.
    pub entry: DirEntry,
    /// Where its bytes are; directories are listed instead.
    pub data: Data,
    /// Its extended attributes; kopia keeps none.
    pub attributes: Vec<Attribute>,
}

/// Where the bytes of a file, or the target of a link, are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Data {
    /// Where its object says.
    #[default]
    Object,
    /// In these contents, one behind the other, each of which has a [place](Contents::place).
    Contents(Vec<ContentId>),
    /// Here.
    Bytes(Vec<u8>),
    /// Nowhere: it holds none.
    Special(Special),
}

/// An extended attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub value: Vec<u8>,
}

/// A tree that can be restored: its contents, and how its directories are listed.
pub trait Tree: Contents {
    /// Shows what is in a directory.
    fn list(&self, directory: &DirEntry, visit: &mut dyn FnMut(Found) -> Result<()>) -> Result<()>;
}

/// What a tree has under a path below a root; the empty path is the root's.
pub fn find(tree: &dyn Tree, root: &DirEntry, path: &str) -> Result<Found> {
    let mut found = Found { entry: root.clone(), ..Found::default() };
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let mut next = None;
        let listed = tree.list(&found.entry, &mut |child| {
            if child.entry.name == name.as_bytes() {
                next = Some(child);
                return Err(Error::new(ErrorKind::Canceled, path, "was found"));
            }
            Ok(())
        });
        found = match (next, listed) {
            (Some(next), _) => next,
            (None, Err(error)) => return Err(error),
            (None, Ok(())) => return Err(Error::new(ErrorKind::NotFound, path, "is not in the snapshot")),
        };
    }
    Ok(found)
}

/// Writes what a file holds; how many bytes that were.
pub fn copy(tree: &dyn Tree, file: &Found, out: &mut dyn Write) -> Result<u64> {
    let name = || String::from_utf8_lossy(&file.entry.name).into_owned();
    let failed = |error: io::Error| match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::new(ErrorKind::Storage, name(), error.to_string()).caused_by(error),
    };
    match &file.data {
        Data::Object => {
            let object = file.entry.object.ok_or_else(|| Error::corrupt(name(), "has no bytes"))?;
            io::copy(&mut ObjectReader::open(tree, object)?, out).map_err(failed)
        }
        Data::Contents(contents) => contents.iter().try_fold(0, |count, content| {
            let bytes = tree.content(content)?;
            out.write_all(&bytes).map_err(failed)?;
            Ok(count + bytes.len() as u64)
        }),
        Data::Bytes(bytes) => out.write_all(bytes).map_err(failed).map(|()| bytes.len() as u64),
        Data::Special(_) => Err(Error::invalid(name(), "holds no bytes")),
    }
}

/// Lists a directory as kopia stores it.
fn list(
    contents: &dyn Contents,
    directory: &DirEntry,
    visit: &mut dyn FnMut(Found) -> Result<()>,
) -> Result<()> {
    snapshot::list(contents, directory, &mut |entry| visit(Found { entry, ..Found::default() })).map(drop)
}

impl Tree for Repository {
    fn list(&self, directory: &DirEntry, visit: &mut dyn FnMut(Found) -> Result<()>) -> Result<()> {
        list(self, directory, visit)
    }
}

impl Tree for Verified<'_> {
    fn list(&self, directory: &DirEntry, visit: &mut dyn FnMut(Found) -> Result<()>) -> Result<()> {
        list(self, directory, visit)
    }
}

impl Tree for Writer {
    fn list(&self, directory: &DirEntry, visit: &mut dyn FnMut(Found) -> Result<()>) -> Result<()> {
        list(self, directory, visit)
    }
}
