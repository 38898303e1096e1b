//! Kopia's blobs in a location: one object each, directly in the repository's folder, as Kopia has it in every bucket.

use bytes::Bytes;
use kopia::storage::{Blob, Put, Retention, Storage, check_name};
use kopia::{Error, ErrorKind, Result, Time};
use store::Meta;

use super::{Bucket, modified, time};

impl Bucket {
    fn blob(&self, name: &str, meta: &Meta) -> Result<Blob> {
        Ok(Blob { name: name.to_owned(), length: meta.size, modified: modified(name, meta)? })
    }
}

/// What no store can do that is reached through a location.
fn kept(name: &str) -> Error {
    let reason = "is to be kept from being deleted, which is not done through a backup location";
    Error::new(ErrorKind::Unsupported, name, reason)
}

impl Storage for Bucket {
    fn get(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
        check_name(name)?;
        self.whole(name, limit)
    }

    fn get_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        check_name(name)?;
        self.part(name, offset, length)
    }

    fn head(&self, name: &str) -> Result<Blob> {
        check_name(name)?;
        self.blob(name, &self.meta(name)?)
    }

    fn store(&self, name: &str, data: Bytes, how: Put) -> Result<()> {
        check_name(name)?;
        if how.retention.is_some() {
            return Err(kept(name));
        }
        if !how.replace && !self.store.capabilities().create {
            let reason = "cannot be put only if it is absent: the store has no conditional writes";
            return Err(Error::new(ErrorKind::Unsupported, name, reason));
        }
        let condition = if how.replace { store::Put::Overwrite } else { store::Put::Create };
        self.wait(name, self.store.put(&self.key(name), data, condition)).map(drop)
    }

    fn delete(&self, name: &str) -> Result<()> {
        check_name(name)?;
        self.wait(name, self.store.delete(&[self.key(name)]))
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Blob) -> Result<()>) -> Result<()> {
        for meta in self.objects(prefix)? {
            let Some(name) = meta.key.strip_prefix(&self.folder) else { continue };
            if check_name(name).is_ok() {
                visit(self.blob(name, &meta)?)?;
            }
        }
        Ok(())
    }

    fn extend_retention(&self, name: &str, _retention: Retention) -> Result<()> {
        Err(kept(name))
    }

    fn now(&self) -> Time {
        time(self.clock.now())
    }
}
