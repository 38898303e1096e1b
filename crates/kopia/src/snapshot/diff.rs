//! The difference of two trees. Directories that are the same object are not read.

use std::collections::BTreeMap;

use super::{DirEntry, EntryType, list};
use crate::content::Contents;
use crate::{Error, Result};

/// How deep trees may be.
const DEPTH_MAX: usize = 1000;

/// What has become of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is new; what is in a new directory is not shown.
    Added(DirEntry),
    /// It is gone; what was in a directory that is gone is not shown.
    Removed(DirEntry),
    /// It holds something else, or has another type, owner, time or permissions: what it was, and what it is.
    Changed(Box<DirEntry>, Box<DirEntry>),
}

/// Shows what has become of a tree, by path below its root, directory by directory.
pub fn diff(
    contents: &dyn Contents,
    before: &DirEntry,
    after: &DirEntry,
    visit: &mut dyn FnMut(&str, Change) -> Result<()>,
) -> Result<()> {
    below(contents, "", (before, after), visit, 0)
}

fn below(
    contents: &dyn Contents,
    path: &str,
    (before, after): (&DirEntry, &DirEntry),
    visit: &mut dyn FnMut(&str, Change) -> Result<()>,
    depth: usize,
) -> Result<()> {
    if before.object.is_some() && before.object == after.object {
        return Ok(());
    }
    if depth > DEPTH_MAX {
        return Err(Error::unsupported(path, "lies too deep"));
    }
    let mut old = BTreeMap::new();
    list(contents, before, &mut |entry| {
        old.insert(entry.name.clone(), entry);
        Ok(())
    })?;
    let mut both = Vec::new();
    list(contents, after, &mut |entry| {
        let path = join(path, &entry.name);
        let Some(before) = old.remove(&entry.name) else { return visit(&path, Change::Added(entry)) };
        if !is_same(&before, &entry) {
            visit(&path, Change::Changed(Box::new(before.clone()), Box::new(entry.clone())))?;
        }
        if before.kind == EntryType::Directory && entry.kind == EntryType::Directory {
            both.push((path, before, entry));
        }
        Ok(())
    })?;
    for (name, entry) in old {
        visit(&join(path, &name), Change::Removed(entry))?;
    }
    both.iter().try_for_each(|(path, before, after)| below(contents, path, (before, after), visit, depth + 1))
}

/// Whether nothing of an entry itself has changed: a directory is the same whatever has become of what is in it.
fn is_same(before: &DirEntry, after: &DirEntry) -> bool {
    let facts = |entry: &DirEntry| {
        let object = entry.object.filter(|_| entry.kind != EntryType::Directory);
        (entry.kind, entry.mode, entry.size, entry.modified, entry.uid, entry.gid, object)
    };
    facts(before) == facts(after)
}

fn join(path: &str, name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") }
}
