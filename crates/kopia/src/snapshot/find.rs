//! Finding what a snapshot has under a path.

use super::{DirEntry, EntryType, Summary, read_directory};
use crate::content::Contents;
use crate::object::ObjectReader;
use crate::{Error, ErrorKind, Result};

/// Shows the entries of a directory; its summary, if it has one.
pub fn list(
    contents: &dyn Contents,
    directory: &DirEntry,
    visit: &mut dyn FnMut(DirEntry) -> Result<()>,
) -> Result<Option<Summary>> {
    let name = || String::from_utf8_lossy(&directory.name).into_owned();
    if directory.kind != EntryType::Directory {
        return Err(Error::invalid(name(), "is no directory"));
    }
    let object = directory.object.ok_or_else(|| Error::corrupt(name(), "has no listing"))?;
    read_directory(&object, ObjectReader::open(contents, object)?, visit)
}

/// The entry under a path below a root; the empty path is the root's.
pub fn find(contents: &dyn Contents, root: &DirEntry, path: &str) -> Result<DirEntry> {
    let mut entry = root.clone();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let mut found = None;
        let listed = list(contents, &entry, &mut |child| {
            if child.name == name.as_bytes() {
                found = Some(child);
                return Err(Error::new(ErrorKind::Canceled, path, "was found"));
            }
            Ok(())
        });
        entry = match (found, listed) {
            (Some(found), _) => found,
            (None, Err(error)) => return Err(error),
            (None, Ok(_)) => return Err(Error::new(ErrorKind::NotFound, path, "is not in the snapshot")),
        };
    }
    Ok(entry)
}
