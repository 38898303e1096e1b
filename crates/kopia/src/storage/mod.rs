//! Blobs: opaque bytes under a name, and what a repository asks of whatever keeps them.
//!
//! A store must show a blob to every reader and in every list as soon as its put has returned, replace it as a whole or not at all, and have
//! a clock that does not run back by more than minutes: ages decide what maintenance may delete.

pub mod conformance;
mod filesystem;
mod memory;
mod throttled;

use std::fmt;

use bytes::Bytes;
pub use filesystem::Filesystem;
pub use memory::Memory;
pub use throttled::Throttled;

use crate::{Error, ErrorKind, Result, Time};

/// The most characters of a blob's name.
pub const NAME_LENGTH_MAX: usize = 512;

/// A blob, as a list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub length: u64,
    /// When it was put, by the store's clock.
    pub modified: Time,
}

/// How a store keeps a blob from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionMode {
    /// Those with a special right may still delete.
    Governance,
    /// Nobody may delete.
    Compliance,
    /// The same, in Azure's words.
    Locked,
}

impl RetentionMode {
    /// Its name in the repository.
    pub fn name(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
            Self::Locked => "Locked",
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Governance, Self::Compliance, Self::Locked].into_iter().find(|mode| mode.name() == name)
    }
}

/// Until when a blob is kept, and how strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How strictly.
    pub mode: RetentionMode,
    /// Until when.
    pub until: Time,
}

/// How a blob is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// In place of a blob of that name.
    pub replace: bool,
    /// Until when it is kept.
    pub retention: Option<Retention>,
}

/// Whatever keeps blobs. Calls block, and may come from many threads at once.
pub trait Storage: Send + Sync {
    /// A whole blob; one of more than `limit` bytes is [`ErrorKind::TooLarge`] and is not read.
    fn get(&self, name: &str, limit: usize) -> Result<Vec<u8>>;

    /// Part of a blob; [`ErrorKind::InvalidRange`] unless all of those bytes are there.
    fn get_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>>;

    /// Length and age of a blob.
    fn head(&self, name: &str) -> Result<Blob>;

    /// Stores a blob. If it may not replace one of that name and there is one, that is [`ErrorKind::AlreadyExists`]; of many callers at once, one
    /// succeeds.
    fn store(&self, name: &str, data: Bytes, how: Put) -> Result<()>;

    /// Stores a blob, in place of one of that name.
    fn put(&self, name: &str, data: &[u8], retention: Option<Retention>) -> Result<()> {
        self.store(name, Bytes::copy_from_slice(data), Put { replace: true, retention })
    }

    /// Stores a blob unless there is one of that name.
    fn put_if_absent(&self, name: &str, data: &[u8], retention: Option<Retention>) -> Result<()> {
        self.store(name, Bytes::copy_from_slice(data), Put { replace: false, retention })
    }

    /// Deletes a blob; that there is none is a success.
    fn delete(&self, name: &str) -> Result<()>;

    /// Shows every blob whose name begins so, in no particular order, until `visit` fails.
    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Blob) -> Result<()>) -> Result<()>;

    /// Keeps a blob longer; [`ErrorKind::Unsupported`] where a store cannot.
    fn extend_retention(&self, name: &str, retention: Retention) -> Result<()>;

    /// The time on this machine.
    fn now(&self) -> Time;
}

/// Every blob whose name begins so, by name.
pub(crate) fn sorted(storage: &dyn Storage, prefix: &str) -> Result<Vec<Blob>> {
    let mut blobs = Vec::new();
    storage.list(prefix, &mut |blob| {
        blobs.push(blob);
        Ok(())
    })?;
    blobs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(blobs)
}

/// Refuses names that no blob of a repository has, and that could lead out of a folder.
pub fn check_name(name: &str) -> Result<()> {
    let sound = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '\\');
    let fits = !name.is_empty() && name.len() <= NAME_LENGTH_MAX;
    if fits && !name.starts_with('.') && name.chars().all(sound) {
        return Ok(());
    }
    Err(Error::invalid(format_args!("{name:?}"), "is not the name of a blob"))
}

fn absent(name: impl fmt::Display) -> Error {
    Error::new(ErrorKind::NotFound, name.to_string(), "there is no such blob")
}

fn taken(name: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists, name, "there is such a blob already")
}

fn too_large(name: &str, length: u64, limit: usize) -> Error {
    Error::new(ErrorKind::TooLarge, name, format!("has {length} bytes, {limit} at most are read"))
}

fn out_of_range(name: &str, offset: u64, length: usize, size: u64) -> Error {
    let reason = format!("has {size} bytes, and {length} from {offset} on were asked for");
    Error::new(ErrorKind::InvalidRange, name, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in
            ["", ".", "..", "../p", "a/b", "a\\b", "a\0", "ü", ".shards", &"p".repeat(NAME_LENGTH_MAX + 1)]
        {
            assert_eq!(check_name(name).unwrap_err().kind(), ErrorKind::Invalid, "{name:?}");
        }
        for name in ["kopia.repository", "_log_20261120_1", "xn0_ab-s1-c1", "udmrepo.Repository"] {
            check_name(name).unwrap();
        }
    }
}
