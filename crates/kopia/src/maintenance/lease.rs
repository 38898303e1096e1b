//! One at a time: a blob that is there while somebody maintains the repository. Kopia does not look at it; it goes by the owner alone.

use std::time::Duration;

use crate::random;
use crate::{ErrorKind, Repository, Result};

/// The name of the blob, which begins with no letter that kopia lists.
const BLOB: &str = "w-maintenance-lease";
/// After how long whoever took it is taken for dead.
const AGE_MAX: Duration = Duration::from_hours(24);
/// The most bytes of it.
const LENGTH_MAX: usize = 1024;

/// The right to maintain a repository.
pub(super) struct Lease<'a> {
    repository: &'a Repository,
    id: String,
}

impl<'a> Lease<'a> {
    /// Takes it; nothing if somebody else has it.
    pub(super) fn take(repository: &'a Repository) -> Result<Option<Self>> {
        let storage = repository.storage();
        let id = hex::encode(random::bytes::<16>(repository.random())?);
        let lease = Self { repository, id };
        if lease.put()? {
            return Ok(Some(lease));
        }
        match storage.head(BLOB) {
            Ok(there) if storage.now().since(there.modified) > AGE_MAX => storage.delete(BLOB)?,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(lease.put()?.then_some(lease))
    }

    fn put(&self) -> Result<bool> {
        match self.repository.storage().put_if_absent(BLOB, self.id.as_bytes(), None) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            put => put.map(|()| true),
        }
    }

    /// Gives it back, unless somebody has taken it over.
    pub(super) fn release(self) -> Result<()> {
        let storage = self.repository.storage();
        match storage.get(BLOB, LENGTH_MAX) {
            Ok(id) if id == self.id.as_bytes() => storage.delete(BLOB),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
