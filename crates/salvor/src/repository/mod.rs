//! Repositories of volumes' data in a location: Kopia's to read and write, restic's to read. Repositories block and know no runtime, stores are
//! asynchronous: a [`Bucket`] stands between the two.

mod files;
mod storage;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use controllers::deps::Clock;
use kopia::{Error, ErrorKind, Result, Time};
use store::{Meta, Store};
use tokio::runtime::Handle;

/// A location that holds one repository. Only threads that are none of the runtime's may call it, and the runtime has to run meanwhile.
#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn Store>,
    /// What all keys begin with: empty, or with `/` at its end.
    folder: String,
    runtime: Handle,
    clock: Arc<dyn Clock>,
}

impl Bucket {
    /// The repository in a folder of a location; calls are made by that runtime.
    pub fn new(
        store: Arc<dyn Store>,
        folder: impl Into<String>,
        runtime: Handle,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, folder: folder.into(), runtime, clock }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    fn wait<T>(&self, name: &str, call: impl Future<Output = store::Result<T>>) -> Result<T> {
        self.runtime.block_on(call).map_err(|error| translated(name, error))
    }

    fn meta(&self, name: &str) -> Result<Meta> {
        self.wait(name, self.store.head(&self.key(name)))
    }

    /// A whole object of at most `limit` bytes; no more than that is read of a longer one.
    fn whole(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
        let end = (limit as u64).saturating_add(1);
        let bytes = self.wait(name, self.store.get_range(&self.key(name), 0, end))?;
        match bytes.len() > limit {
            true => Err(Error::new(ErrorKind::TooLarge, name, format!("has more than {limit} bytes"))),
            false => Ok(bytes.into()),
        }
    }

    /// Part of an object, all of it.
    fn part(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let refused = |reason: String| Error::new(ErrorKind::InvalidRange, name, reason);
        let asked = format!("{length} bytes from {offset} on were asked for");
        let end = offset.checked_add(length as u64).ok_or_else(|| refused(asked.clone()))?;
        if length == 0 {
            let size = self.meta(name)?.size;
            return if offset <= size {
                Ok(Vec::new())
            } else {
                Err(refused(format!("has {size} bytes, {asked}")))
            };
        }
        let bytes = self.wait(name, self.store.get_range(&self.key(name), offset, end))?;
        match bytes.len() == length {
            true => Ok(bytes.into()),
            false => Err(refused(format!("has {} bytes from there on, {asked}", bytes.len()))),
        }
    }

    fn objects(&self, prefix: &str) -> Result<Vec<Meta>> {
        self.wait(prefix, self.store.list(&self.key(prefix)))
    }
}

/// When an object was put, by the store's clock.
fn modified(name: &str, meta: &Meta) -> Result<Time> {
    let unknown = || Error::new(ErrorKind::Unsupported, name, "has no time: the store does not tell any");
    meta.modified.map(time).ok_or_else(unknown)
}

fn time(timestamp: jiff::Timestamp) -> Time {
    let nanos = timestamp.as_nanosecond();
    Time::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
}

/// What failed, as repositories take it.
fn translated(name: &str, error: store::Error) -> Error {
    let kind = match error.kind {
        store::ErrorKind::NotFound => ErrorKind::NotFound,
        store::ErrorKind::Precondition => ErrorKind::AlreadyExists,
        store::ErrorKind::Unsupported => ErrorKind::Unsupported,
        store::ErrorKind::Config => ErrorKind::Invalid,
        store::ErrorKind::NoBucket
        | store::ErrorKind::Denied
        | store::ErrorKind::Certificate
        | store::ErrorKind::Unavailable
        | store::ErrorKind::Other => ErrorKind::Storage,
    };
    let subject = if name.is_empty() { "repository" } else { name };
    Error::new(kind, subject, format!("the store failed to {error}")).caused_by(error)
}
