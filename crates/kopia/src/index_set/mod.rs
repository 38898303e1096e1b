//! The indexes of a repository: which blobs of them hold now, and what is written so that everybody finds it.

pub(crate) mod epochs;
mod flat;
pub(crate) mod publish;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use self::epochs::{Epochs, Listed};
use self::publish::Written;
use crate::content::index::Index;
use crate::content::merge;
use crate::content::table::Crypto;
use crate::content::{ContentId, Entry, Prefix};
use crate::storage::Blob;
use crate::{Error, ErrorKind, Format, Result, Storage, parallel};

/// The most bytes of an index blob that is read.
const BLOB_LENGTH_MAX: u64 = 1 << 30;
/// How many index blobs are fetched at once.
const FETCHES: usize = 8;
/// How often the list is made anew when a blob of it has gone.
const ATTEMPTS: usize = 10;

/// The indexes that hold, in memory.
#[derive(Debug, Default)]
pub(crate) struct IndexSet {
    /// By the names of their blobs: what is there already is not fetched again.
    by_name: HashMap<String, Arc<Index>>,
    indexes: Vec<Arc<Index>>,
    /// Deletions up to this second are final: those contents are not there.
    watermark: Option<i64>,
    /// What the lists told of epochs that they were made by.
    epochs: Option<Epochs>,
}

/// What holds, as lists tell.
pub(crate) struct Active {
    pub(crate) blobs: Vec<Blob>,
    pub(crate) watermark: Option<i64>,
}

impl IndexSet {
    /// The indexes that hold now; those of `self` are kept where they still do. A list may be there already.
    pub(crate) fn refreshed(
        &self,
        mut listed: Option<Listed>,
        storage: &dyn Storage,
        format: &Format,
        crypto: &Crypto,
    ) -> Result<Self> {
        let mut gone = None;
        for _ in 0..ATTEMPTS {
            let loaded = match format.epochs().enabled {
                true => {
                    let epochs = Epochs::list_from(listed.take(), storage, format.epochs())?;
                    self.of_epochs(epochs, storage, crypto)
                }
                false => self.load(storage, crypto, flat::active(storage, crypto)?),
            };
            match loaded {
                // compacted since the list was made
                Err(error) if error.kind() == ErrorKind::NotFound => gone = Some(error),
                loaded => return loaded,
            }
        }
        Err(gone.unwrap_or_else(|| Error::new(ErrorKind::NotFound, "indexes", "are never whole")))
    }

    /// The indexes that hold after some have been written.
    pub(crate) fn with(&self, written: Written, storage: &dyn Storage, crypto: &Crypto) -> Result<Self> {
        let by_name = self.by_name.iter().map(|(name, index)| (name.clone(), Arc::clone(index)));
        let by_name = by_name.chain(written.indexes).collect();
        Self { by_name, ..Self::default() }.of_epochs(written.epochs, storage, crypto)
    }

    fn of_epochs(&self, epochs: Epochs, storage: &dyn Storage, crypto: &Crypto) -> Result<Self> {
        let loaded = self.load(storage, crypto, epochs.active())?;
        Ok(Self { epochs: Some(epochs), ..loaded })
    }

    fn load(&self, storage: &dyn Storage, crypto: &Crypto, active: Active) -> Result<Self> {
        let indexes = parallel::map(&active.blobs, FETCHES, |blob| match self.by_name.get(&blob.name) {
            Some(index) => Ok(Arc::clone(index)),
            None => fetch(storage, crypto, blob).map(Arc::new),
        })?;
        let names = active.blobs.into_iter().map(|blob| blob.name);
        let by_name = names.zip(indexes.iter().cloned()).collect();
        Ok(Self { by_name, indexes, watermark: active.watermark, epochs: None })
    }

    /// What the lists told of epochs that these indexes were found by.
    pub(crate) fn epochs(&self) -> Option<&Epochs> {
        self.epochs.as_ref()
    }

    /// The entry of a content that is there; it may be deleted, though not for good.
    pub(crate) fn lookup(&self, id: &ContentId) -> Result<Option<Entry>> {
        Ok(self.last(id)?.filter(|entry| self.is_visible(entry)))
    }

    /// The same, also if it is deleted for good: what is written anew has to be later than that.
    pub(crate) fn last(&self, id: &ContentId) -> Result<Option<Entry>> {
        merge::lookup(&self.indexes, id)
    }

    /// Shows the entries of all contents that are there, or of those with a prefix, by name.
    pub(crate) fn entries(
        &self,
        prefix: Option<Prefix>,
        visit: &mut dyn FnMut(Entry) -> Result<()>,
    ) -> Result<()> {
        merge::merged(&self.indexes, prefix, &mut |entry| {
            if self.is_visible(&entry) { visit(entry) } else { Ok(()) }
        })
    }

    /// Up to which second deletions are final.
    pub(crate) fn watermark(&self) -> Option<i64> {
        self.watermark
    }

    fn is_visible(&self, entry: &Entry) -> bool {
        !entry.is_deleted || self.watermark.is_none_or(|watermark| entry.time > watermark)
    }
}

/// The indexes in some blobs.
pub(crate) fn fetch_all(storage: &dyn Storage, crypto: &Crypto, blobs: &[Blob]) -> Result<Vec<Arc<Index>>> {
    parallel::map(blobs, FETCHES, |blob| fetch(storage, crypto, blob).map(Arc::new))
}

fn fetch(storage: &dyn Storage, crypto: &Crypto, blob: &Blob) -> Result<Index> {
    if blob.length > BLOB_LENGTH_MAX {
        return Err(Error::corrupt(&blob.name, format!("an index of {} bytes is not read", blob.length)));
    }
    let sealed = storage.get(&blob.name, BLOB_LENGTH_MAX as usize)?;
    Index::parse(&blob.name, crypto.open_table(&blob.name, sealed)?)
}
